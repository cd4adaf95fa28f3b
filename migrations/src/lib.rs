//! What both halves need of the database: connections, the schema and its roles, classes of errors,
//! and a row of the log as a [`Record`].

mod error;
mod schema;

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use daybook_domain::{Position, Record};
use serde_json::value::RawValue;
use sqlx::{
    PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
    types::Json,
};

pub use error::{ErrorClass, classify};
pub use schema::{MigrateError, check_schema, migrate};

/// The columns of [`record`], in a SELECT from `events`.
pub const RECORD_COLUMNS: &str = "aggregate_type, aggregate_id, sequence, event_type, event_version, \
     payload, metadata, position, event_id, recorded_at";

/// How long one statement may run before the server cancels it, ms.
const STATEMENT_TIMEOUT_MS: u32 = 30_000;
/// How long a statement may wait for a lock, ms.
const LOCK_TIMEOUT_MS: u32 = 10_000;
/// How long a transaction may stand still before the server ends its session, ms.
const IDLE_IN_TRANSACTION_TIMEOUT_MS: u32 = 60_000;

/// How to reach the database, with the limits that every session of ours has.
pub fn connect_options(url: &str, application_name: &str) -> Result<PgConnectOptions, sqlx::Error> {
    Ok(PgConnectOptions::from_str(url)?.application_name(application_name).options([
        ("statement_timeout", STATEMENT_TIMEOUT_MS.to_string()),
        ("lock_timeout", LOCK_TIMEOUT_MS.to_string()),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT_MS.to_string()),
        // The backslash is for the space: options travel as one line.
        ("default_transaction_isolation", "read\\ committed".to_owned()),
        ("timezone", "UTC".to_owned()),
    ]))
}

/// A pool of at most `max_connections`, which waits at most `acquire_timeout` for one of them.
/// Connects lazily: a database that is away shows at the first use.
pub fn pool(options: PgConnectOptions, max_connections: u32, acquire_timeout: Duration) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(acquire_timeout)
        .idle_timeout(Duration::from_secs(300))
        .connect_lazy_with(options)
}

/// A row of `SELECT {RECORD_COLUMNS} FROM events`.
pub fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    let payload: Json<Box<RawValue>> = row.try_get("payload")?;
    let metadata: Json<BTreeMap<String, String>> = row.try_get("metadata")?;
    Ok(Record {
        position: Position(row.try_get("position")?),
        event_id: row.try_get("event_id")?,
        aggregate_type: row.try_get("aggregate_type")?,
        aggregate_id: row.try_get("aggregate_id")?,
        sequence: row.try_get("sequence")?,
        event_type: row.try_get("event_type")?,
        event_version: row.try_get("event_version")?,
        payload: payload.0,
        metadata: metadata.0,
        recorded_at: row.try_get("recorded_at")?,
    })
}
