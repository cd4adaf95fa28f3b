use actix_web::web;
use daybook_domain::text::Reason;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    auth::{revocation, revoked::Revoked},
    http::{
        admin::{Deed, Reasoned},
        answer::{self, Answer},
        problem::{FieldError, Problem},
        schema,
    },
};

const MAX_VALUE_CHARS: usize = 256;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Revocation)]
pub struct Body {
    revoked: Revoked,
    #[schema(value_type = Option<schema::Reason>)]
    reason: Option<Reason>,
}

impl Reasoned for Body {
    fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }
}

/// Ends a token, all tokens of a subject that were issued up to now, or all of a signing key: in this
/// process at once, in every other one within a second. Can't be taken back.
#[utoipa::path(
    post, path = "/admin/revocations", tag = "revocations", request_body = Body,
    responses((status = 200, description = "They have ended", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed<Body>) -> Answer {
    let revoked = deed.body.revoked.clone();
    if !(1..=MAX_VALUE_CHARS).contains(&revoked.value().chars().count()) || revoked.value().contains('\0') {
        let detail = format!("1 to {MAX_VALUE_CHARS} characters without NUL");
        let pointer = format!("/revoked/{}", revoked.kind());
        return Err(Problem::invalid(vec![FieldError { pointer, code: "out_of_range", detail }]));
    }
    deed.record(&app, &format!("revoke.{}", revoked.kind()), revoked.value()).await?;
    revocation::revoke(&app.pool, &app.verifier, revoked.clone()).await?;
    Ok(answer::json(&serde_json::json!({ "revoked": revoked })))
}
