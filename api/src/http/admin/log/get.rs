use actix_web::web;

use crate::{
    app::App,
    http::{
        admin::Operator,
        answer::{self, Answer},
        schema,
    },
};

/// The head of the log, and how far JetStream has it: for our own workers, and for other systems.
#[utoipa::path(
    get, path = "/admin/log", tag = "log",
    responses((status = 200, description = "Head, relay position and publisher position", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, _: Operator) -> Answer {
    Ok(answer::json(&app.operators.log().await?))
}
