use actix_web::web;

use crate::{
    app::App,
    http::{
        admin::{Body, Deed},
        answer::{self, Answer},
        schema,
    },
};

/// Serves the previous generation of a read model again.
#[utoipa::path(
    post, path = "/admin/projections/{name}/rollback", tag = "projections", request_body = Body,
    params(("name" = String, Path)),
    responses((status = 200, description = "Rolled back", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed, name: web::Path<String>) -> Answer {
    deed.record(&app, "projection.rollback", &name).await?;
    app.operators.rollback(&name).await?;
    Ok(answer::json(&app.operators.get(&name).await?))
}
