//! What the API says of itself, to programs and to people.

use std::{future::ready, sync::Arc};

use daybook_core::{
    auth::keys::Jwk,
    values::{ActorKind, RoleName},
};
use daybook_domain::policy::{Actor, Own, RULES, Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    about::{About, Kind},
    answer::{self, Answer},
    arrived::{Arrived, NoQuery},
    asked::{self, Reply, Said},
    docs::{self, Documents, File},
    params,
    problem::{self, Problem},
    route::{Door, JSON, Route, other, refuse_ahead},
};

const HTML: &[&str] = &["text/html"];
const FILES: &[&str] = &["text/javascript", "text/css"];

#[derive(Serialize, ToSchema)]
struct Permissions {
    #[schema(max_items = 1000)]
    data: Vec<Permission>,
}

#[derive(Serialize, ToSchema)]
struct Permission {
    #[schema(pattern = r"^[a-z_]+(\.[a-z_]+)?$", max_length = 64, examples("order.confirm"))]
    name: &'static str,
    /// Any of them will do; `admin` may do everything. A role that was made may have it, too: `GET /v1/roles`.
    #[schema(max_items = 100)]
    roles: Vec<RoleName>,
    /// It is also for what is the caller's own: for customers, or, where it is about an account or what concerns it, for
    /// everyone with a token.
    own: bool,
    /// An API key can have it.
    scope: bool,
}

/// What the caller may do.
#[derive(Serialize, ToSchema)]
struct MyPermissions {
    /// The `sub` of the token.
    #[schema(min_length = 1, max_length = 200, examples("alice"))]
    subject: String,
    kind: ActorKind,
    #[schema(max_items = 1000)]
    data: Vec<MyPermission>,
}

#[derive(Serialize, ToSchema)]
struct MyPermission {
    #[schema(pattern = r"^[a-z_]+(\.[a-z_]+)?$", max_length = 64, examples("order.confirm"))]
    name: &'static str,
    /// Only with what is the caller's own.
    own: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = KeySet)]
struct Keys<'a> {
    #[schema(max_items = 100)]
    keys: Vec<&'a Jwk>,
}

/// A document of OpenAPI.
#[derive(ToSchema)]
#[schema(examples(json!({ "openapi": "3.1.0", "info": { "title": "Daybook", "version": "1.0.0" } })))]
#[allow(dead_code, reason = "the schema of a document that is written once")]
struct OpenApi {
    #[schema(pattern = r"^3\.1\.", max_length = 10)]
    openapi: String,
    #[schema(value_type = Object)]
    info: (),
}

pub fn routes() -> Vec<Route> {
    let path = "/v1/permissions";
    let permissions =
        About::new("permissions", path, "Who may do what.", Kind::Document).answer::<Permissions>(200);
    let text = "The public keys that tokens of this server can be checked with (RFC 7517).";
    let keys = About::new("jwks", "/.well-known/jwks.json", text, Kind::Document).answer::<Keys<'_>>(200);
    vec![
        other(path, Door::Open, JSON, permissions, |arrived, (), NoQuery {}| async move {
            Ok(answer::public(&arrived.request, &Permissions::all()))
        })
        .asked_by(Arc::new(|question| {
            let (view, position) = (asked::json(&Permissions::all()), question.app.live.head());
            Box::pin(ready(Ok(Reply { view, position, replayed: false, cursors: None })))
        })),
        my_permissions(),
        other("/.well-known/jwks.json", Door::Open, JSON, keys, |arrived, (), NoQuery {}| show_keys(arrived)),
    ]
}

fn my_permissions() -> Route {
    let path = "/v1/permissions/mine";
    let text = "What you may do, with the roles of your token.";
    let about = About::new("permissions.mine", path, text, Kind::Own).answer::<MyPermissions>(200);
    other(path, Door::Known, JSON, about, |arrived, (), NoQuery {}| async move {
        Ok(answer::json(&MyPermissions::of(arrived.actor())?))
    })
    .asked_by(Arc::new(|question| {
        Box::pin(async move {
            let Said::Read { query, min_position } = &question.said else { return Err(Problem::internal()) };
            let NoQuery {} = params::query(query)?;
            let (app, deadline) = (&question.app, question.context.deadline);
            refuse_ahead(app, *min_position, deadline).await?;
            let view = asked::json(&MyPermissions::of(question.actor())?);
            Ok(Reply { view, position: app.live.head(), replayed: false, cursors: None })
        })
    }))
}

/// The pages that every listener has about its own routes.
pub fn documents() -> Vec<Route> {
    let openapi = About::new("openapi", "/openapi.json", "This document (OpenAPI 3.1).", Kind::Document)
        .answer::<OpenApi>(200);
    let page = About::new("docs", "/docs", "This document as a page.", Kind::Document)
        .answer_text("text/html", "<!doctype html><html lang=\"en\">");
    let file = About::new("docs.file", "/docs/{file}", "A file that the page is made of.", Kind::Document)
        .answer_text("text/javascript", "\"use strict\";")
        .answer_text("text/css", ".swagger-ui{}");
    let text = "What a problem's code means. It is what the `type` of a problem leads to.";
    let problem = About::new("problem", "/problems/{code}", text, Kind::Document)
        .answer_text("text/html", "<!doctype html><html lang=\"en\">");
    vec![
        other("/openapi.json", Door::Open, JSON, openapi, |arrived, (), NoQuery {}| async move {
            Ok(Documents::of(&arrived.request).openapi(&arrived.request))
        }),
        other("/docs", Door::Open, HTML, page, |arrived, (), NoQuery {}| async move {
            Ok(docs::page(&arrived.request))
        }),
        other("/docs/{file}", Door::Open, FILES, file, |arrived, file: File, NoQuery {}| async move {
            Ok(file.answer(&arrived.request))
        }),
        other(
            "/problems/{code}",
            Door::Open,
            HTML,
            problem,
            |arrived, code: String, NoQuery {}| async move { problem::page(&arrived.request, &code) },
        ),
    ]
}

impl Permissions {
    fn all() -> Self {
        let rules = RULES.iter().map(|rule| Permission {
            name: rule.name,
            roles: rule.roles.iter().chain([&Role::Admin]).map(|role| RoleName(*role)).collect(),
            own: rule.own != Own::No,
            scope: rule.is_scope,
        });
        Self { data: rules.collect() }
    }
}

impl MyPermissions {
    fn of(actor: Option<&Actor>) -> Result<Self, Problem> {
        let actor = actor.ok_or_else(Problem::unauthenticated)?;
        let data = actor.rules.rules().map(|(rule, own)| MyPermission { name: rule.name, own });
        Ok(Self { subject: actor.subject.clone(), kind: ActorKind(actor.kind), data: data.collect() })
    }
}

async fn show_keys(arrived: Arrived) -> Answer {
    let app = &arrived.app;
    let usable = app.published_key.iter().filter(|key| !app.verifier.is_key_revoked(&key.kid));
    Ok(answer::public(&arrived.request, &Keys { keys: usable.collect() }))
}
