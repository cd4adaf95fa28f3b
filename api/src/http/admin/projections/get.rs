use actix_web::web;

use crate::{
    app::App,
    http::{
        admin::Operator,
        answer::{self, Answer},
        schema,
    },
};

/// How far one projection is.
#[utoipa::path(
    get, path = "/admin/projections/{name}", tag = "projections",
    params(("name" = String, Path)),
    responses(
        (status = 200, description = "The projection", body = schema::AnyObject),
    ),
)]
pub async fn handle(app: web::Data<App>, _: Operator, name: web::Path<String>) -> Answer {
    Ok(answer::json(&app.operators.get(&name).await?))
}
