use actix_web::web;

use crate::{
    app::App,
    http::{
        admin::Operator,
        answer::{self, Answer},
        schema,
    },
};

/// How far each projection is.
#[utoipa::path(
    get, path = "/admin/projections", tag = "projections",
    responses((status = 200, description = "All of them", body = Vec<schema::AnyObject>)),
)]
pub async fn handle(app: web::Data<App>, _: Operator) -> Answer {
    Ok(answer::json(&app.operators.list().await?))
}
