//! What the API says of itself, to programs and to people.

use std::{future::ready, sync::Arc};

use daybook_core::{auth::keys::Jwk, values::RoleName};
use daybook_domain::policy::{RULES, Role};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    about::{About, Kind},
    answer::{self, Answer},
    arrived::{Arrived, NoQuery},
    asked::{self, Reply},
    docs::{self, Documents, File},
    problem,
    route::{Door, JSON, Route, other},
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
    /// Any of them will do; `admin` may do everything.
    #[schema(max_items = 100)]
    roles: Vec<RoleName>,
    /// A customer may do it with what is their own.
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
        other("/.well-known/jwks.json", Door::Open, JSON, keys, |arrived, (), NoQuery {}| show_keys(arrived)),
    ]
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
            own: rule.own,
        });
        Self { data: rules.collect() }
    }
}

async fn show_keys(arrived: Arrived) -> Answer {
    let app = &arrived.app;
    let usable = app.published_key.iter().filter(|key| !app.verifier.is_key_revoked(&key.kid));
    Ok(answer::public(&arrived.request, &Keys { keys: usable.collect() }))
}
