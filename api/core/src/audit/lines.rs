//! The audit, as it is read.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use utoipa::ToSchema;

/// One line, as it is shown.
#[derive(Debug, Serialize, ToSchema, FromRow)]
pub struct AuditLine {
    /// Its place among all lines.
    #[schema(minimum = 1)]
    pub id: i64,
    pub at: DateTime<Utc>,
    /// The `sub` of the token; empty if there was none.
    #[schema(max_length = 200, examples("oscar"))]
    pub actor: String,
    #[schema(max_length = 200, examples("projection.pause", "POST /v1/orders"))]
    pub action: String,
    #[schema(max_length = 500, examples("orders"))]
    pub target: String,
    #[schema(max_length = 64, examples("allowed", "forbidden"))]
    pub outcome: String,
    /// Why it was done, in the words of the one who did it.
    #[schema(required, max_length = 1000)]
    pub reason: Option<String>,
    #[schema(max_length = 128)]
    pub request_id: String,
    /// Where the request came from.
    #[schema(required, max_length = 45, examples("192.0.2.1"))]
    pub address: Option<String>,
}

/// Which lines.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    /// Only what this subject did.
    pub actor: Option<String>,
    /// Those in front of this one.
    pub before: Option<i64>,
    pub limit: i64,
}

pub(super) async fn read(pool: &PgPool, wanted: &Lines) -> Result<Vec<AuditLine>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, at, actor, action, target, outcome, reason, request_id, host(address) AS address
           FROM audit
          WHERE ($1::text IS NULL OR actor = $1) AND id < $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(&wanted.actor)
    .bind(wanted.before.unwrap_or(i64::MAX))
    .bind(wanted.limit)
    .fetch_all(pool)
    .await
}
