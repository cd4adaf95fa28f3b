//! Whether this process can do its work.

use std::time::Duration;

use daybook_commands::Commands;
use serde::Serialize;
use sqlx::PgPool;
use tokio::net::TcpStream;
use utoipa::ToSchema;

use crate::{metrics, traffic::Traffic};

const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

/// Looks at what this process needs.
pub struct Health {
    pub queries: PgPool,
    pub commands: PgPool,
    pub committer: Option<Commands>,
    pub traffic: Traffic,
    pub nats_url: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    /// `ready`, `draining` or `unavailable`.
    status: &'static str,
    /// `ok` or `unreachable`.
    database: &'static str,
    /// `ok`, `behind` or `unknown`.
    schema: &'static str,
    /// `ok` or `stopped`; `none`: this process takes no commands.
    committer: &'static str,
    /// `ok` or `away`. Not needed to be ready: without it, queries lag a little more.
    nats: &'static str,
}

impl Readiness {
    pub fn is_ready(&self) -> bool {
        self.status == READY
    }
}

const READY: &str = "ready";

impl Health {
    pub async fn look(&self) -> Readiness {
        let schema =
            tokio::time::timeout(CHECK_TIMEOUT, daybook_migrations::check_schema(&self.queries)).await;
        let (database, schema) = match schema {
            Ok(Ok(())) => ("ok", "ok"),
            Ok(Err(daybook_migrations::MigrateError::Behind { .. })) => ("ok", "behind"),
            Ok(Err(_)) | Err(_) => ("unreachable", "unknown"),
        };
        let committer = match &self.committer {
            Some(commands) if commands.is_open() => "ok",
            Some(_) => "stopped",
            None => "none",
        };
        let draining = self.traffic.is_draining();
        let is_ready = schema == "ok" && committer != "stopped" && !draining;
        let status = match (is_ready, draining) {
            (true, _) => READY,
            (false, true) => "draining",
            (false, false) => "unavailable",
        };
        let nats = if answers(&self.nats_url).await { "ok" } else { "away" };
        Readiness { status, database, schema, committer, nats }
    }

    /// Called before metrics are read.
    pub fn measure_pools(&self) {
        metrics::measure_pool("queries", &self.queries);
        metrics::measure_pool("commands", &self.commands);
    }
}

/// Whether a server listens there.
async fn answers(nats_url: &str) -> bool {
    let Ok(url) = url::Url::parse(nats_url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let connecting = TcpStream::connect((host, url.port().unwrap_or(4222)));
    matches!(tokio::time::timeout(CHECK_TIMEOUT, connecting).await, Ok(Ok(_)))
}
