use actix_web::web;
use uuid::Uuid;

use crate::{
    app::App,
    http::{
        admin::{Body, Deed},
        answer::{self, Answer},
        schema,
    },
};

/// Tries again what could not be done.
#[utoipa::path(
    post, path = "/admin/dead-letters/{id}/retry", tag = "dead letters", request_body = Body,
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "It will be tried again", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed, id: web::Path<Uuid>) -> Answer {
    deed.record(&app, "dead_letter.retry", *id).await?;
    Ok(answer::json(&app.operators.retry(*id).await?))
}
