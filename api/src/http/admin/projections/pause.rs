use actix_web::web;

use crate::{
    app::App,
    http::{
        admin::{Body, Deed},
        answer::{self, Answer},
        schema,
    },
};

/// Stops a projection where it is.
#[utoipa::path(
    post, path = "/admin/projections/{name}/pause", tag = "projections", request_body = Body,
    params(("name" = String, Path)),
    responses((status = 200, description = "Paused", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed, name: web::Path<String>) -> Answer {
    deed.record(&app, "projection.pause", &name).await?;
    app.operators.pause(&name).await?;
    Ok(answer::json(&app.operators.get(&name).await?))
}
