//! Is the process alive, and can it do its work?

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use tokio::net::TcpStream;

use super::answer;
use crate::app::App;

const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    database: &'static str,
    schema: &'static str,
    /// `none`: this process takes no commands.
    committer: &'static str,
    /// Not needed to be ready: without it, queries lag a little more.
    nats: &'static str,
}

pub async fn alive() -> HttpResponse {
    answer::json(&json!({ "status": "ok" }))
}

pub async fn ready(app: web::Data<App>) -> HttpResponse {
    let schema = tokio::time::timeout(CHECK_TIMEOUT, daybook_migrations::check_schema(&app.pool)).await;
    let (database, schema) = match schema {
        Ok(Ok(())) => ("ok", "ok"),
        Ok(Err(daybook_migrations::MigrateError::Behind { .. })) => ("ok", "behind"),
        Ok(Err(_)) | Err(_) => ("unreachable", "unknown"),
    };
    let committer = match &app.commands {
        Some(commands) if commands.is_open() => "ok",
        Some(_) => "stopped",
        None => "none",
    };
    let draining = app.traffic.is_draining();
    let is_ready = schema == "ok" && committer != "stopped" && !draining;
    let status = match (is_ready, draining) {
        (true, _) => "ready",
        (false, true) => "draining",
        (false, false) => "unavailable",
    };
    let nats = if answers(&app.nats_url).await { "ok" } else { "away" };
    let readiness = Readiness { status, database, schema, committer, nats };
    let mut response = answer::json(&readiness);
    if !is_ready {
        *response.status_mut() = actix_web::http::StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// Whether anybody listens there.
async fn answers(nats_url: &str) -> bool {
    let Ok(url) = url::Url::parse(nats_url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let connecting = TcpStream::connect((host, url.port().unwrap_or(4222)));
    matches!(tokio::time::timeout(CHECK_TIMEOUT, connecting).await, Ok(Ok(_)))
}
