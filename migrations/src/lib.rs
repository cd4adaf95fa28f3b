//! What both halves need of the database: connections, the schema and its roles, classes of errors,
//! and a row of the log as a [`Record`]. Also how all crates declare their metrics and
//! record spans.

pub mod metrics;
pub mod traces;

mod analytics;
mod error;
mod features;
mod processes;
mod schema;
mod timeout;

use std::{
    collections::BTreeMap,
    io,
    str::FromStr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use daybook_domain::{Position, Record};
use serde_json::value::RawValue;
use sqlx::{
    Connection, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
    types::Json,
};
use tokio::time::timeout;

pub use analytics::ANALYST;
pub use error::{ErrorClass, classify};
pub use features::{EnableError, Enabled, Features};
pub use processes::{Oneself, Process, SERVER, newer_is_there};
pub use schema::{MigrateError, check_schema, may_change_the_log, migrate};
pub use timeout::with_timeout_of;

/// The columns of [`record`], in a SELECT from `events`.
pub const RECORD_COLUMNS: &str = "aggregate_type, aggregate_id, sequence, event_type, event_version, \
     payload, metadata, position, event_id, recorded_at";

/// How long one statement may run before the server cancels it, ms.
const STATEMENT_TIMEOUT_MS: u32 = 30_000;
/// How long a statement may wait for a lock, ms.
const LOCK_TIMEOUT_MS: u32 = 10_000;
/// How long a transaction may be idle before the server ends its session, ms.
const IDLE_IN_TRANSACTION_TIMEOUT_MS: u32 = 60_000;

/// How long a connection may take to be ready again after a statement that no task waits for any more.
const READY_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the server checks whether the client of a statement is still there, ms.
const CLIENT_CHECK_MS: u32 = 1_000;

/// Where [`migrate`] notifies when it is done.
pub const SCHEMA: &str = "daybook_schema";
/// Where processes hear that an operator acted.
pub const OPERATORS: &str = "daybook_operators";

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

/// When this process heard of it last.
static SCHEMA_CHANGED: Mutex<Option<Instant>> = Mutex::new(None);

/// To be called for a notification of [`SCHEMA`], and whenever one may have been missed: no pool uses a
/// connection again that was opened before. PostgreSQL refuses statements that were prepared on it if they
/// would yield something else now, each time, for as long as it is open.
pub fn schema_changed() {
    *SCHEMA_CHANGED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}

/// A pool of at most `max_connections`, which waits at most `acquire_timeout` for one of them.
/// Connects lazily: a database that is away shows at the first use.
pub fn pool(options: PgConnectOptions, max_connections: u32, acquire_timeout: Duration) -> PgPool {
    closing_unanswered(PgPoolOptions::new())
        .before_acquire(|_, connection| {
            let opened = Instant::now().checked_sub(connection.age);
            let is_new = opened > *SCHEMA_CHANGED.lock().unwrap_or_else(PoisonError::into_inner);
            Box::pin(async move { Ok(is_new) })
        })
        .max_connections(max_connections)
        .acquire_timeout(acquire_timeout)
        .idle_timeout(Duration::from_secs(300))
        // Else the sessions of connections that were closed would go on beside those of the pool.
        .connect_lazy_with(
            options.options([("client_connection_check_interval", CLIENT_CHECK_MS.to_string())]),
        )
}

/// Without it, connections that were given up in the middle of a statement would take up the pool's
/// places for as long as they don't answer.
fn closing_unanswered(pool: PgPoolOptions) -> PgPoolOptions {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // This waits only for answers that are still due; the pool itself tests whether the connection is alive.
            match timeout(READY_TIMEOUT, connection.flush()).await {
                Ok(ready) => ready.map(|()| true),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "a statement stays unanswered").into()),
            }
        })
    })
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
