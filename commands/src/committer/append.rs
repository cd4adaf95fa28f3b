//! The connection that appends, and how the outcome is found out when it breaks.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use daybook_migrations::{ErrorClass, classify};
use sqlx::{ConnectOptions, PgConnection, PgExecutor, Row, postgres::PgConnectOptions};
use uuid::Uuid;

use super::{
    batch::Batch,
    ended::{Appended, Ended},
};
use crate::{error::Failure, metrics, settings::Settings};

/// How long to wait before the database is asked again where an append has gone to, ms.
const RESOLVE_PAUSE_MS: u64 = 100;
/// How long a session that may still be committing has to end, ms.
const TERMINATE_WAIT_MS: i64 = 2_000;

/// The end of the log, as it was last seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    position: i64,
    /// None in an empty log. A position alone could be another history's.
    event_id: Option<Uuid>,
}

/// Owns the one connection through which this process appends.
pub struct Writer {
    options: PgConnectOptions,
    session: Option<Session>,
    /// The head of the log after our last append; `None` if it isn't certain.
    known_head: Option<Head>,
    append_timeout: Duration,
    resolve_timeout: Duration,
}

/// A connection, and which server process is at its other end.
pub(super) struct Session {
    pub connection: PgConnection,
    backend: Backend,
}

/// A server process. Its start is kept because the pid alone may belong to another one by the time it is looked up.
#[derive(Clone)]
struct Backend {
    pid: i32,
    started: DateTime<Utc>,
}

/// How the call of the append function ended.
pub(super) enum Called {
    Appended(Appended, Head),
    /// Streams have moved or keys are known; nothing was appended.
    Outdated,
}

impl Writer {
    pub fn new(options: PgConnectOptions, settings: &Settings) -> Self {
        Self {
            // It holds the append lock from its first statement on, and must not be able to keep it.
            options: options.options([("idle_in_transaction_session_timeout", "1000")]),
            session: None,
            known_head: None,
            append_timeout: settings.append_timeout.get(),
            resolve_timeout: settings.resolve_timeout.get(),
        }
    }

    /// Appends what was decided, in one call, or says why it has to be decided again.
    pub async fn append(&mut self, batch: Batch) -> Ended {
        let limit = self.append_timeout;
        let known_head = self.known_head.take();
        let session = match self.session().await {
            Ok(session) => session,
            Err(failure) => return Ended::Failed(batch, failure),
        };
        let started = Instant::now();
        let called = call_append(&mut session.connection, &batch, known_head);
        let called = tokio::time::timeout(limit, called).await;
        metrics::COMMIT_SECONDS.observe(started.elapsed().as_secs_f64());
        match called {
            Ok(Ok(Called::Appended(appended, head))) => {
                self.known_head = Some(head);
                Ended::Appended(batch, appended)
            }
            Ok(Ok(Called::Outdated)) => Ended::Outdated(batch),
            Ok(Err(error)) => match classify(&error) {
                // Deciding again under the lock finds out which command is the cause.
                ErrorClass::Data | ErrorClass::Conflict => Ended::Outdated(batch),
                ErrorClass::Busy => {
                    tracing::warn!(%error, "the database is busy, a batch was turned away");
                    Ended::Failed(batch, Failure::Unavailable)
                }
                ErrorClass::Gone => self.resolve(batch, &error.to_string()).await,
                ErrorClass::Defect => {
                    tracing::error!(%error, "a batch could not be appended");
                    Ended::Failed(batch, Failure::Internal)
                }
            },
            Err(_) => self.resolve(batch, "the append took too long").await,
        }
    }

    /// The connection was lost while a batch was being appended. Makes sure that the server process at the
    /// other end can't commit it any more, and looks whether it did.
    pub async fn resolve(&mut self, batch: Batch, cause: &str) -> Ended {
        metrics::UNKNOWN.inc();
        tracing::warn!(cause, commands = batch.commands.len(), "the outcome of an append is unknown");
        let Some(lost) = self.session.take() else { return Ended::Failed(batch, Failure::OutcomeUnknown) };
        let deadline = Instant::now() + self.resolve_timeout;
        // Dropped, not closed: a connection that hangs would hang the farewell too.
        let backend = lost.backend;
        drop(lost.connection);
        while Instant::now() < deadline {
            let looked = tokio::time::timeout_at(deadline.into(), self.look_up(&backend, &batch)).await;
            match looked {
                Ok(Ok(Some(appended))) => {
                    tracing::info!("the batch had been appended");
                    return Ended::Appended(batch, appended);
                }
                Ok(Ok(None)) => {
                    tracing::info!("the batch had not been appended, it is decided again");
                    return Ended::Outdated(batch);
                }
                Ok(Err(error)) => tracing::debug!(%error, "the outcome can't be looked up yet"),
                Err(_) => break,
            }
            self.session = None;
            tokio::time::sleep(Duration::from_millis(RESOLVE_PAUSE_MS)).await;
        }
        tracing::error!("the outcome of an append stays unknown");
        Ended::Failed(batch, Failure::OutcomeUnknown)
    }

    /// A batch is appended as a whole, so its first event tells. A batch without events may simply be
    /// decided again.
    async fn look_up(&mut self, backend: &Backend, batch: &Batch) -> Result<Option<Appended>, sqlx::Error> {
        let connection = &mut self.connect().await?.connection;
        end_backend(connection, backend).await?;
        let Some(first) = batch.events.first() else { return Ok(None) };
        let position: Option<i64> = sqlx::query_scalar(
            "SELECT position FROM events
              WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence = $3 AND event_id = $4",
        )
        .bind(first.stream.kind)
        .bind(&*first.stream.id)
        .bind(first.sequence)
        .bind(first.event_id)
        .fetch_optional(connection)
        .await?;
        Ok(position.map(|position| Appended { base: position - 1, undisturbed: false }))
    }

    /// The open session, or a new one. Nothing has been asked of the database yet, so a failure here
    /// means that nothing happened.
    pub(super) async fn session(&mut self) -> Result<&mut Session, Failure> {
        let connecting = tokio::time::timeout(self.append_timeout, self.connect()).await;
        match connecting {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => {
                tracing::warn!(%error, "no connection to append with");
                Err(Failure::Unavailable)
            }
            Err(_) => Err(Failure::Unavailable),
        }
    }

    async fn connect(&mut self) -> Result<&mut Session, sqlx::Error> {
        if self.session.is_none() {
            self.session = Some(Session::open(&self.options).await?);
        }
        Ok(self.session.as_mut().expect("just opened"))
    }

    pub(super) fn append_timeout(&self) -> Duration {
        self.append_timeout
    }
}

impl Session {
    async fn open(options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let row = sqlx::query("SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
            .fetch_one(&mut connection)
            .await?;
        let backend = Backend { pid: row.try_get("pid")?, started: row.try_get("backend_start")? };
        Ok(Self { connection, backend })
    }
}

/// Returns when the server process is gone. It is of our own role, so it may be ended.
async fn end_backend(connection: &mut PgConnection, backend: &Backend) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2",
    )
    .bind(backend.pid)
    .bind(backend.started)
    .bind(TERMINATE_WAIT_MS)
    .execute(&mut *connection)
    .await?;
    let still_there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2)",
    )
    .bind(backend.pid)
    .bind(backend.started)
    .fetch_one(connection)
    .await?;
    if still_there { Err(sqlx::Error::PoolTimedOut) } else { Ok(()) }
}

/// Calls the append function with the batch as arrays.
pub(super) async fn call_append(
    executor: impl PgExecutor<'_>,
    batch: &Batch,
    known_head: Option<Head>,
) -> Result<Called, sqlx::Error> {
    let columns = Columns::of(batch);
    let row = sqlx::query(
        "SELECT base, head_event_id, head_known, stale, taken
           FROM append_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                             $19, $20, $21)",
    )
    .bind(known_head.map(|head| head.position))
    .bind(known_head.and_then(|head| head.event_id))
    .bind(&columns.expected_types)
    .bind(&columns.expected_ids)
    .bind(&columns.expected_sequences)
    .bind(&columns.expected_event_ids)
    .bind(&columns.expected_trusted)
    .bind(&columns.key_scopes)
    .bind(&columns.keys)
    .bind(&columns.key_fingerprints)
    .bind(&columns.key_receipts)
    .bind(&columns.key_offsets)
    .bind(&columns.event_aggregate_types)
    .bind(&columns.event_aggregate_ids)
    .bind(&columns.event_sequences)
    .bind(&columns.event_types)
    .bind(&columns.event_versions)
    .bind(&columns.event_payloads)
    .bind(&columns.event_ids)
    .bind(&columns.event_metadata_places)
    .bind(&columns.metadatas)
    .fetch_one(executor)
    .await?;
    let stale: Option<Vec<i32>> = row.try_get("stale")?;
    let taken: Option<Vec<i32>> = row.try_get("taken")?;
    if stale.is_some() || taken.is_some() {
        tracing::debug!(
            stale = stale.map_or(0, |s| s.len()),
            taken = taken.map_or(0, |t| t.len()),
            "outdated batch"
        );
        return Ok(Called::Outdated);
    }
    let base: i64 = row.try_get("base")?;
    let head_known: Option<bool> = row.try_get("head_known")?;
    let head = match batch.events.last() {
        Some(last) => {
            let events = i64::try_from(batch.events.len()).expect("a batch is small");
            Head { position: base + events, event_id: Some(last.event_id) }
        }
        None => Head { position: base, event_id: row.try_get("head_event_id")? },
    };
    Ok(Called::Appended(Appended { base, undisturbed: head_known == Some(true) }, head))
}

/// A batch, column by column, in the order of the function's parameters.
#[derive(Default)]
struct Columns<'a> {
    expected_types: Vec<&'a str>,
    expected_ids: Vec<&'a str>,
    expected_sequences: Vec<i64>,
    expected_event_ids: Vec<Option<Uuid>>,
    expected_trusted: Vec<bool>,
    key_scopes: Vec<&'a str>,
    keys: Vec<&'a str>,
    key_fingerprints: Vec<&'a [u8]>,
    key_receipts: Vec<Option<String>>,
    key_offsets: Vec<i64>,
    event_aggregate_types: Vec<&'a str>,
    event_aggregate_ids: Vec<&'a str>,
    event_sequences: Vec<i64>,
    event_types: Vec<&'a str>,
    event_versions: Vec<String>,
    event_payloads: Vec<&'a str>,
    event_ids: Vec<Uuid>,
    event_metadata_places: Vec<i32>,
    metadatas: Vec<String>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a Batch) -> Self {
        let mut columns = Self::default();
        for (stream, expectation) in &batch.expectations {
            columns.expected_types.push(stream.kind);
            columns.expected_ids.push(&stream.id);
            columns.expected_sequences.push(expectation.version.sequence);
            columns.expected_event_ids.push(expectation.version.event_id);
            columns.expected_trusted.push(expectation.epoch == batch.epoch);
        }
        let mut events = batch.events.iter();
        let mut event_count = 0;
        for decided in &batch.commands {
            let own_events = decided.events_until - event_count;
            event_count = decided.events_until;
            if own_events > 0 {
                columns.metadatas.push(decided.submission.context.metadata());
            }
            let place = i32::try_from(columns.metadatas.len()).expect("a batch is small");
            for event in events.by_ref().take(own_events) {
                columns.event_aggregate_types.push(event.stream.kind);
                columns.event_aggregate_ids.push(&event.stream.id);
                columns.event_sequences.push(event.sequence);
                columns.event_types.push(event.name);
                columns.event_versions.push(event.version.to_string());
                columns.event_payloads.push(&event.payload);
                columns.event_ids.push(event.event_id);
                columns.event_metadata_places.push(place);
            }
            if let Some(key) = &decided.submission.key {
                columns.key_scopes.push(&key.scope);
                columns.keys.push(&key.key);
                columns.key_fingerprints.push(key.stored_fingerprint());
                let accepted = decided.verdict.as_ref().ok();
                columns.key_receipts.push(accepted.map(|verdict| verdict.receipt(key.fingerprint)));
                columns.key_offsets.push(i64::try_from(event_count).expect("a batch is small"));
            }
        }
        columns
    }
}
