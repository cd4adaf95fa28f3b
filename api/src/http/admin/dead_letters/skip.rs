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

/// Never does it.
#[utoipa::path(
    post, path = "/admin/dead-letters/{id}/skip", tag = "dead letters", request_body = Body,
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Skipped", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed, id: web::Path<Uuid>) -> Answer {
    deed.record(&app, "dead_letter.skip", *id).await?;
    Ok(answer::json(&app.operators.skip(*id, deed.reason().unwrap_or_default()).await?))
}
