use actix_web::web;

use crate::{
    app::App,
    http::{
        admin::{Body, Deed},
        answer::{self, Answer},
        schema,
    },
};

/// Lets a paused projection go on.
#[utoipa::path(
    post, path = "/admin/projections/{name}/resume", tag = "projections", request_body = Body,
    params(("name" = String, Path)),
    responses((status = 200, description = "Running", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed, name: web::Path<String>) -> Answer {
    deed.record(&app, "projection.resume", &name).await?;
    app.operators.resume(&name).await?;
    Ok(answer::json(&app.operators.get(&name).await?))
}
