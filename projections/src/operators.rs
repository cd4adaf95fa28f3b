//! What operators can see and do. Everything is a row that workers, wherever they run, look at.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::{
    checkpoint::{CheckpointState, Consumer, Reached},
    dead_letters::{self, DeadLetter, Resolution},
    log, mirror,
    notices::{self, Notice, OPERATORS, READ},
    partition::Partition,
    projection::generations::Generations,
    public_table::{self, PublicTableVerification},
    reactor::listed::{self, ListedEffect},
    read_models::{self, Definition, READ_MODELS},
    rebuild::state::RebuildState,
    scan::streams::long_session,
    sql::sql,
    status::{self, ProjectionStatus},
    stream::{publisher, relay},
    verify::{
        ledger::{LedgerVerification, verify_ledger},
        log::{LogVerification, verify_log},
        rows::{self, Verification},
    },
};

/// A cheap handle.
#[derive(Clone)]
pub struct Operators {
    pool: PgPool,
    /// Connects for work that takes longer than a session of the pool may.
    connect: PgConnectOptions,
}

#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    #[error("there is no such thing")]
    NotFound,
    #[error("a rebuild of it is running already")]
    AlreadyRunning,
    /// It is not in the state that this needs.
    #[error("{0}")]
    Conflict(&'static str),
    #[error(transparent)]
    Unavailable(#[from] sqlx::Error),
}

#[derive(Debug, Clone, Serialize, FromRow)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Rebuild {
    pub id: Uuid,
    pub projection: String,
    pub generation: i32,
    pub state: RebuildState,
    pub done_events: i64,
    /// Estimated until the load is over.
    pub total_events: i64,
    pub events_per_second: f64,
    #[cfg_attr(feature = "schema", schema(required))]
    pub eta_seconds: Option<f64>,
    /// A [`Verification`], or `{"failure": why}`.
    #[cfg_attr(feature = "schema", schema(required, value_type = Option<Object>))]
    pub verification: Option<serde_json::Value>,
    pub started_at: DateTime<Utc>,
    /// `None`: it goes on.
    #[cfg_attr(feature = "schema", schema(required))]
    pub finished_at: Option<DateTime<Utc>>,
}

/// The rebuilds, as they are shown. $1 is the state of which the end can be estimated.
const REBUILDS: &str =
    "SELECT id, projection, generation, state, done_events, total_events, rate AS events_per_second,
            CASE WHEN state = $1 AND rate > 0
                 THEN (greatest(total_events - done_events, 0) / rate)::float8 END AS eta_seconds,
            verification, started_at, finished_at
       FROM (SELECT *, coalesce(done_events / nullif(extract(epoch FROM
                    coalesce(finished_at, updated_at) - started_at), 0), 0)::float8 AS rate
               FROM rebuilds) r";
/// How many rebuilds and effects are listed.
const MAX_LISTED: i64 = 100;

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LogState {
    pub head: i64,
    /// The last event that JetStream has; `None` if no relay ever ran.
    #[cfg_attr(feature = "schema", schema(required))]
    pub relay_position: Option<i64>,
    /// The last one that other systems have been told of; `None` if no publisher ever ran.
    #[cfg_attr(feature = "schema", schema(required))]
    pub publisher_position: Option<i64>,
    /// The last one in the table that analysts ask; `None` if no publisher ever ran.
    #[cfg_attr(feature = "schema", schema(required))]
    pub analytics_position: Option<i64>,
    /// The last one that another system has a copy of; `None` if no mirror ever ran.
    #[cfg_attr(feature = "schema", schema(required))]
    pub mirror_position: Option<i64>,
}

impl Operators {
    pub fn new(pool: PgPool, connect: PgConnectOptions) -> Self {
        Self { pool, connect }
    }

    pub async fn log(&self) -> Result<LogState, OperatorError> {
        let position = async |name| {
            let carrier = Consumer { name, generation: 0, partition: Partition::WHOLE };
            let checkpoint = carrier.read(&self.pool).await?;
            Ok::<_, sqlx::Error>(checkpoint.map(|checkpoint| checkpoint.at.position.0))
        };
        Ok(LogState {
            head: log::head(&self.pool).await?.0,
            relay_position: position(relay::NAME).await?,
            publisher_position: position(publisher::NAME).await?,
            analytics_position: position(public_table::NAME).await?,
            mirror_position: position(mirror::NAME).await?,
        })
    }

    pub async fn list(&self) -> Result<Vec<ProjectionStatus>, OperatorError> {
        Ok(status::list(&self.pool).await?)
    }

    pub async fn get(&self, name: &str) -> Result<ProjectionStatus, OperatorError> {
        let mut all = self.list().await?.into_iter();
        all.find(|projection| projection.name == name).ok_or(OperatorError::NotFound)
    }

    /// Stops a projection where it is, all its generations; also the reactor.
    pub async fn pause(&self, name: &str) -> Result<(), OperatorError> {
        self.change_state(name, CheckpointState::Running, CheckpointState::Paused).await
    }

    pub async fn resume(&self, name: &str) -> Result<(), OperatorError> {
        self.change_state(name, CheckpointState::Paused, CheckpointState::Running).await
    }

    /// Sets what is in state `from`; what is there already is left alone, so it can be repeated.
    async fn change_state(
        &self,
        name: &str,
        from: CheckpointState,
        to: CheckpointState,
    ) -> Result<(), OperatorError> {
        debug_assert!(to.before().contains(&from), "{from} can't become {to}");
        self.get(name).await?;
        sqlx::query(
            "UPDATE checkpoints SET state = $3, reason = NULL, updated_at = clock_timestamp()
              WHERE name = $1 AND state = $2",
        )
        .bind(name)
        .bind(from)
        .bind(to)
        .execute(&self.pool)
        .await?;
        self.wake().await
    }

    pub async fn start_rebuild(&self, name: &str) -> Result<Rebuild, OperatorError> {
        let definition = read_models::named(name).ok_or(OperatorError::NotFound)?;
        let started: Result<Uuid, sqlx::Error> = sqlx::query_scalar(
            // The last generation that was used; the worker that takes the rebuild on makes the next one.
            "INSERT INTO rebuilds (id, projection, generation, state)
             SELECT gen_random_uuid(), $1, greatest(
                    (SELECT coalesce(max(generation), 0) FROM checkpoints WHERE name = $1),
                    (SELECT coalesce(max(generation), 0) FROM rebuilds WHERE projection = $1)), $2
             RETURNING id",
        )
        .bind(definition.name)
        .bind(RebuildState::Building)
        .fetch_one(&self.pool)
        .await;
        let id = started.map_err(|error| match error.as_database_error() {
            Some(cause) if cause.is_unique_violation() => OperatorError::AlreadyRunning,
            _ => error.into(),
        })?;
        self.wake().await?;
        self.rebuild(id).await
    }

    pub async fn rebuild(&self, id: Uuid) -> Result<Rebuild, OperatorError> {
        let found = sqlx::query_as(sql!(REBUILDS, " WHERE id = $2"))
            .bind(RebuildState::Building)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        found.ok_or(OperatorError::NotFound)
    }

    /// The newest first, at most 100 of them.
    pub async fn rebuilds(&self) -> Result<Vec<Rebuild>, OperatorError> {
        let newest = sqlx::query_as(sql!(REBUILDS, " ORDER BY started_at DESC LIMIT $2"));
        Ok(newest.bind(RebuildState::Building).bind(MAX_LISTED).fetch_all(&self.pool).await?)
    }

    pub async fn cancel_rebuild(&self, id: Uuid) -> Result<(), OperatorError> {
        let cancelled = sqlx::query(
            "UPDATE rebuilds SET state = $2, finished_at = clock_timestamp(),
                    updated_at = clock_timestamp()
              WHERE id = $1 AND state = ANY($3)",
        )
        .bind(id)
        .bind(RebuildState::Cancelled)
        .bind(RebuildState::Cancelled.before())
        .execute(&self.pool)
        .await?;
        if cancelled.rows_affected() == 1 {
            return self.wake().await;
        }
        match self.rebuild(id).await?.state {
            RebuildState::Cancelled => Ok(()),
            _ => Err(OperatorError::Conflict("the rebuild is over, or too far to be cancelled")),
        }
    }

    /// Serves the previous generation, which was kept up to date; again, and it is as before.
    pub async fn rollback(&self, name: &str) -> Result<(), OperatorError> {
        let definition = read_models::named(name).ok_or(OperatorError::NotFound)?;
        let mut transaction = self.pool.begin().await?;
        let live: Option<i32> = sqlx::query_scalar(
            "UPDATE read_models SET live_generation = previous_generation,
                    previous_generation = live_generation, swapped_at = clock_timestamp()
              WHERE name = $1 AND previous_generation IS NOT NULL RETURNING live_generation",
        )
        .bind(name)
        .fetch_optional(&mut *transaction)
        .await?;
        let generation = live.ok_or(OperatorError::Conflict("there is no previous generation"))?;
        // The checkpoints are held, so that no process hears of a newer position before this one.
        let reached = Reached::held(&mut transaction, definition.name, generation).await?;
        let positions = reached.ok_or(OperatorError::NotFound)?.positions();
        let notice = Notice::Live { model: definition.name.to_owned(), generation, positions };
        notices::notify(&mut *transaction, READ, &notice.payload()).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Compares a read model, or all of them, with the log. Stops nothing.
    pub async fn verify(&self, name: Option<&str>) -> Result<Vec<Verification>, OperatorError> {
        let definitions: Vec<&Definition> = match name {
            Some(name) => vec![read_models::named(name).ok_or(OperatorError::NotFound)?],
            None => READ_MODELS.iter().collect(),
        };
        let mut found = Vec::new();
        for definition in definitions {
            let generations = Generations::of(&self.pool, definition.name).await?;
            let live = generations.ok_or(OperatorError::NotFound)?.live.number;
            found.push(rows::verify(&self.connect, definition, live).await?);
        }
        Ok(found)
    }

    /// Whether the log keeps its own promises, and orders and stock agree.
    pub async fn verify_log(&self) -> Result<LogVerification, OperatorError> {
        Ok(verify_log(&self.connect, &self.pool).await?)
    }

    /// Whether the ledger of effects agrees with the log.
    pub async fn verify_ledger(&self) -> Result<LedgerVerification, OperatorError> {
        Ok(verify_ledger(&mut long_session(&self.connect).await?).await?)
    }

    /// Whether the table that analysts ask is equal to the log; `None` if no publisher ever wrote it.
    pub async fn verify_public_table(&self) -> Result<Option<PublicTableVerification>, OperatorError> {
        Ok(public_table::verify(&mut long_session(&self.connect).await?).await?)
    }

    pub async fn dead_letters(&self, open_only: bool) -> Result<Vec<DeadLetter>, OperatorError> {
        Ok(dead_letters::list(&self.pool, open_only).await?)
    }

    /// Tries it again: the effect, or the projection that is parked there.
    pub async fn retry(&self, id: Uuid) -> Result<DeadLetter, OperatorError> {
        let resolved = dead_letters::resolve(&self.pool, id, Resolution::Retried, "").await?;
        resolved.ok_or(OperatorError::NotFound)
    }

    /// Leaves it out for ever: the effect, or that one event in that one projection.
    pub async fn skip(&self, id: Uuid, reason: &str) -> Result<DeadLetter, OperatorError> {
        let resolved = dead_letters::resolve(&self.pool, id, Resolution::Skipped, reason).await?;
        resolved.ok_or(OperatorError::NotFound)
    }

    /// Effects that wait, those that are due first; or the newest of all, whatever became of them. At most 100 of them.
    pub async fn effects(&self, waiting_only: bool) -> Result<Vec<ListedEffect>, OperatorError> {
        Ok(listed::list(&self.pool, waiting_only, MAX_LISTED).await?)
    }

    /// Does once more what was done, such as sending a mail.
    pub async fn resend(
        &self,
        event_id: Uuid,
        kind: &str,
        target: &str,
    ) -> Result<ListedEffect, OperatorError> {
        listed::repeat(&self.pool, event_id, kind, target).await?.ok_or(OperatorError::Conflict(
            "no effect of that name was done, or the event that asked for it isn't there",
        ))
    }

    async fn wake(&self) -> Result<(), OperatorError> {
        Ok(notices::notify(&self.pool, OPERATORS, "").await?)
    }
}
