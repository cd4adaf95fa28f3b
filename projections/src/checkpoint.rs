//! How far a consumer of the log has come: one row, moved in the transaction that accounts for it.

use std::sync::Arc;

use daybook_domain::{Position, Record};
use sqlx::{PgConnection, PgExecutor, PgPool, postgres::PgConnectOptions};
use uuid::Uuid;

use crate::{lease::Leases, settings::Settings, signals::Signals};

/// What all background work needs.
#[derive(Clone)]
pub(crate) struct Works {
    pub pool: PgPool,
    /// For sessions with limits of their own.
    pub connect: PgConnectOptions,
    pub leases: Leases,
    pub signals: Signals,
    pub settings: Arc<Settings>,
}

/// Whose checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub name: &'static str,
    pub generation: i32,
}

#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub position: Position,
    pub event_id: Option<Uuid>,
    /// running, parked, paused or diverged.
    pub state: String,
}

impl Consumer {
    pub async fn read(&self, executor: impl PgExecutor<'_>) -> Result<Option<Checkpoint>, sqlx::Error> {
        let row: Option<(i64, Option<Uuid>, String)> = sqlx::query_as(
            "SELECT position, event_id, state FROM checkpoints WHERE name = $1 AND generation = $2",
        )
        .bind(self.name)
        .bind(self.generation)
        .fetch_optional(executor)
        .await?;
        Ok(row.map(|(position, event_id, state)| Checkpoint {
            position: Position(position),
            event_id,
            state,
        }))
    }

    /// The fence: moves the checkpoint from `from` to `to`, or says that it isn't there any more,
    /// that it may not move now, or that `to` is not in the log: JetStream may still deliver what a
    /// failover of the database has lost.
    pub async fn advance(
        &self,
        connection: &mut PgConnection,
        from: Position,
        to: &Record,
    ) -> Result<bool, sqlx::Error> {
        let moved = sqlx::query(
            "UPDATE checkpoints SET position = $4, event_id = $5, updated_at = clock_timestamp()
              WHERE name = $1 AND generation = $2 AND position = $3 AND state = 'running'
                AND EXISTS (SELECT 1 FROM events WHERE position = $4 AND event_id = $5)",
        )
        .bind(self.name)
        .bind(self.generation)
        .bind(from.0)
        .bind(to.position.0)
        .bind(to.event_id)
        .execute(connection)
        .await?;
        Ok(moved.rows_affected() == 1)
    }

    /// Whether the log still holds the event that the checkpoint stands on.
    pub async fn shares_history(&self, pool: &PgPool, at: &Checkpoint) -> Result<bool, sqlx::Error> {
        if at.position == Position::START {
            return Ok(true);
        }
        let stored: Option<Uuid> = sqlx::query_scalar("SELECT event_id FROM events WHERE position = $1")
            .bind(at.position.0)
            .fetch_optional(pool)
            .await?;
        Ok(stored.is_some() && stored == at.event_id)
    }

    /// Stops it there, unless it moved or was stopped meanwhile.
    pub async fn stop(
        &self,
        executor: impl PgExecutor<'_>,
        at: Position,
        state: &str,
        reason: &str,
    ) -> Result<bool, sqlx::Error> {
        let stopped = sqlx::query(
            "UPDATE checkpoints SET state = $4, reason = $5, updated_at = clock_timestamp()
              WHERE name = $1 AND generation = $2 AND position = $3 AND state = 'running'",
        )
        .bind(self.name)
        .bind(self.generation)
        .bind(at.0)
        .bind(state)
        .bind(reason)
        .execute(executor)
        .await?;
        Ok(stopped.rows_affected() == 1)
    }
}
