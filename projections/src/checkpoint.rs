//! How far a consumer of the log has come: one row, moved in the statement that accounts for it.

use std::sync::Arc;

use daybook_domain::{Position, Record};
use sqlx::{
    FromRow, PgExecutor, PgPool, Postgres,
    postgres::{PgArguments, PgConnectOptions},
    query::Query,
};
use uuid::Uuid;

use crate::{lease::Leases, proof::Proof, settings::Settings, signals::Signals};

/// What all background work needs.
#[derive(Clone)]
pub(crate) struct Works {
    pub pool: PgPool,
    /// For sessions whose commits don't wait for the disk: what they write is lost or kept together with
    /// the checkpoint that says how to make it again.
    pub relaxed: PgConnectOptions,
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
    pub at: At,
    pub event_id: Option<Uuid>,
    /// running, parked, paused or diverged.
    pub state: String,
}

/// Where a consumer stands, and what it has applied up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub position: Position,
    /// `None`: it keeps no account of it.
    pub proof: Option<Proof>,
}

#[derive(FromRow)]
struct Stored {
    position: i64,
    event_id: Option<Uuid>,
    state: String,
    applied: Option<i64>,
    digest: Option<i64>,
}

/// The fence: the first part of every statement that accounts for events. It moves the checkpoint, or
/// yields no row: because it isn't there any more, because it may not move now, or because where it
/// should go is not in the log. JetStream may still deliver what a failover of the database has lost.
///
/// Takes seven parameters, see [`Consumer::fenced`].
pub(crate) const FENCE: &str = "WITH fence AS (UPDATE checkpoints
    SET position = $4, event_id = $5, applied = $6, digest = $7, updated_at = clock_timestamp()
  WHERE name = $1 AND generation = $2 AND position = $3 AND state = 'running'
    AND EXISTS (SELECT 1 FROM events WHERE position = $4 AND event_id = $5) RETURNING 1)";

impl Consumer {
    pub async fn read(&self, executor: impl PgExecutor<'_>) -> Result<Option<Checkpoint>, sqlx::Error> {
        let row: Option<Stored> = sqlx::query_as(
            "SELECT position, event_id, state, applied, digest FROM checkpoints
              WHERE name = $1 AND generation = $2",
        )
        .bind(self.name)
        .bind(self.generation)
        .fetch_optional(executor)
        .await?;
        Ok(row.map(|Stored { position, event_id, state, applied, digest }| {
            let proof = Proof::stored(applied, digest);
            Checkpoint { at: At { position: Position(position), proof }, event_id, state }
        }))
    }

    /// A statement that begins with [`FENCE`] and moves this checkpoint from `from` to `to`, with which
    /// it then has this proof. Its own parameters begin with $8.
    pub fn fenced<'q>(
        &self,
        sql: &'q str,
        from: At,
        to: &Record,
        proof: Option<Proof>,
    ) -> Query<'q, Postgres, PgArguments> {
        let (applied, digest) = proof.map(Proof::as_stored).unzip();
        sqlx::query(sql)
            .bind(self.name)
            .bind(self.generation)
            .bind(from.position.0)
            .bind(to.position.0)
            .bind(to.event_id)
            .bind(applied)
            .bind(digest)
    }

    /// Whether the log still holds the event that the checkpoint stands on.
    pub async fn shares_history(&self, pool: &PgPool, checkpoint: &Checkpoint) -> Result<bool, sqlx::Error> {
        let at = checkpoint.at.position;
        if at == Position::START {
            return Ok(true);
        }
        let stored: Option<Uuid> = sqlx::query_scalar("SELECT event_id FROM events WHERE position = $1")
            .bind(at.0)
            .fetch_optional(pool)
            .await?;
        Ok(stored.is_some() && stored == checkpoint.event_id)
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
