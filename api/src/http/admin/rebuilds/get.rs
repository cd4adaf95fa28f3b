use actix_web::web;
use uuid::Uuid;

use crate::{
    app::App,
    http::{
        admin::Operator,
        answer::{self, Answer},
        schema,
    },
};

/// How far a rebuild is.
#[utoipa::path(
    get, path = "/admin/rebuilds/{id}", tag = "rebuilds",
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "The rebuild", body = schema::AnyObject),
    ),
)]
pub async fn handle(app: web::Data<App>, _: Operator, id: web::Path<Uuid>) -> Answer {
    Ok(answer::json(&app.operators.rebuild(*id).await?))
}
