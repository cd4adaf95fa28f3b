use actix_web::web;
use daybook_projections::{LogVerification, Verification};
use serde::Serialize;

use crate::{
    app::App,
    http::{
        admin::{Body, Deed},
        answer::{self, Answer},
        schema,
    },
};

#[derive(Serialize)]
struct View {
    log: LogVerification,
    read_models: Vec<Verification>,
}

/// Compares every read model with the log, and the log with its own promises. Stops nothing, and takes
/// as long as reading the log takes.
#[utoipa::path(
    post, path = "/admin/verifications", tag = "verifications", request_body = Body,
    responses((status = 200, description = "What was found", body = schema::AnyObject)),
)]
pub async fn handle(app: web::Data<App>, deed: Deed) -> Answer {
    deed.record(&app, "verify", "all").await?;
    let log = app.operators.verify_log().await?;
    let read_models = app.operators.verify(None).await?;
    Ok(answer::json(&View { log, read_models }))
}
