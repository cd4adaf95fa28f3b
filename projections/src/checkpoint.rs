//! How far a consumer of the log has come: one row, moved in the statement that accounts for it.

use daybook_domain::{Position, Record, words};
use sqlx::{FromRow, PgConnection, PgExecutor, PgPool, Postgres, postgres::PgArguments, query::Query};
use uuid::Uuid;

use crate::{
    partition::{Partition, index_of},
    proof::Proof,
    sql::{as_text, sql},
};

words! {
    /// Whether a consumer goes on from its checkpoint.
    pub enum CheckpointState {
        Running = "running",
        /// It has stopped in front of an event that can't be applied.
        Parked = "parked",
        /// An operator has stopped it.
        Paused = "paused",
        /// The log has another history than the one that was applied.
        Diverged = "diverged",
    }
}

as_text!(CheckpointState);

impl CheckpointState {
    /// The states that this one is entered from. What has diverged is made anew, as another generation.
    pub const fn before(self) -> &'static [Self] {
        match self {
            Self::Running => &[Self::Parked, Self::Paused],
            Self::Parked | Self::Paused | Self::Diverged => &[Self::Running],
        }
    }
}

/// The owner of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub name: &'static str,
    pub generation: i32,
    pub partition: Partition,
}

#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub at: At,
    pub event_id: Option<Uuid>,
    pub state: CheckpointState,
}

/// The position of a consumer, and what it has applied up to there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub position: Position,
    /// `None`: it keeps no account of it.
    pub proof: Option<Proof>,
}

/// The position of each partition of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached(Vec<Position>);

#[derive(FromRow)]
struct Stored {
    position: i64,
    event_id: Option<Uuid>,
    state: CheckpointState,
    applied: Option<i64>,
    digest: Option<i64>,
}

/// The fence: the first part of every statement that accounts for events. It moves the checkpoint, or
/// yields no row: because it isn't there any more, because it may not move now, or because where it
/// should go is not in the log. JetStream may still deliver what a failover of the database has lost.
///
/// Takes eight parameters, see [`Consumer::fenced`].
pub(crate) const FENCE: &str = sql!(
    "WITH fence AS (UPDATE checkpoints
    SET position = $5, event_id = $6, applied = $7, digest = $8, updated_at = clock_timestamp()
  WHERE name = $1 AND generation = $2 AND partition = $3 AND position = $4 AND state = '",
    CheckpointState::Running.as_str(),
    "'
    AND EXISTS (SELECT 1 FROM events WHERE position = $5 AND event_id = $6) RETURNING 1)",
);

impl Consumer {
    pub async fn read(&self, executor: impl PgExecutor<'_>) -> Result<Option<Checkpoint>, sqlx::Error> {
        let row: Option<Stored> = sqlx::query_as(
            "SELECT position, event_id, state, applied, digest FROM checkpoints
              WHERE name = $1 AND generation = $2 AND partition = $3",
        )
        .bind(self.name)
        .bind(self.generation)
        .bind(self.partition.number())
        .fetch_optional(executor)
        .await?;
        Ok(row.map(|Stored { position, event_id, state, applied, digest }| {
            let proof = Proof::stored(applied, digest);
            Checkpoint { at: At { position: Position(position), proof }, event_id, state }
        }))
    }

    /// A statement that begins with [`FENCE`] and moves this checkpoint from `from` to `to`, with which
    /// it then has this proof. Its own parameters begin with $9.
    pub fn fenced<'q>(
        &self,
        sql: &'q str,
        from: At,
        to: &Record,
        proof: Option<Proof>,
    ) -> Query<'q, Postgres, PgArguments> {
        self.bound(sql, from.position, to.position, to.event_id, proof)
    }

    /// Moves it alone, from one event to another. `false`, if the fence refused.
    pub async fn advance(
        &self,
        executor: impl PgExecutor<'_>,
        from: Position,
        to: Position,
        event_id: Uuid,
    ) -> Result<bool, sqlx::Error> {
        let sql = format!("{FENCE} SELECT FROM fence");
        let moved = self.bound(&sql, from, to, event_id, None).fetch_optional(executor).await?;
        Ok(moved.is_some())
    }

    fn bound<'q>(
        &self,
        sql: &'q str,
        from: Position,
        to: Position,
        event_id: Uuid,
        proof: Option<Proof>,
    ) -> Query<'q, Postgres, PgArguments> {
        let (applied, digest) = proof.map(Proof::as_stored).unzip();
        sqlx::query(sql)
            .bind(self.name)
            .bind(self.generation)
            .bind(self.partition.number())
            .bind(from.0)
            .bind(to.0)
            .bind(event_id)
            .bind(applied)
            .bind(digest)
    }

    /// Whether the log still has the event that the checkpoint names.
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
        state: CheckpointState,
        reason: &str,
    ) -> Result<bool, sqlx::Error> {
        let stopped = sqlx::query(
            "UPDATE checkpoints SET state = $5, reason = $6, updated_at = clock_timestamp()
              WHERE name = $1 AND generation = $2 AND partition = $3 AND position = $4
                AND state = ANY($7)",
        )
        .bind(self.name)
        .bind(self.generation)
        .bind(self.partition.number())
        .bind(at.0)
        .bind(state)
        .bind(reason)
        .bind(state.before())
        .execute(executor)
        .await?;
        Ok(stopped.rows_affected() == 1)
    }
}

impl Reached {
    /// `None`: there is no such generation.
    pub async fn of(
        executor: impl PgExecutor<'_>,
        name: &str,
        generation: i32,
    ) -> Result<Option<Self>, sqlx::Error> {
        let sql = "SELECT position FROM checkpoints WHERE name = $1 AND generation = $2 ORDER BY partition";
        Self::found(executor, sql, name, generation).await
    }

    /// Reads them, and keeps them from moving until the transaction ends.
    pub async fn held(
        transaction: &mut PgConnection,
        name: &str,
        generation: i32,
    ) -> Result<Option<Self>, sqlx::Error> {
        let sql = "SELECT position FROM checkpoints WHERE name = $1 AND generation = $2 ORDER BY partition FOR UPDATE";
        Self::found(transaction, sql, name, generation).await
    }

    async fn found(
        executor: impl PgExecutor<'_>,
        sql: &str,
        name: &str,
        generation: i32,
    ) -> Result<Option<Self>, sqlx::Error> {
        let positions: Vec<i64> =
            sqlx::query_scalar(sql).bind(name).bind(generation).fetch_all(executor).await?;
        Ok((!positions.is_empty()).then(|| Self(positions.into_iter().map(Position).collect())))
    }

    /// Up to here everything was applied.
    pub fn least(&self) -> Position {
        self.0.iter().copied().min().unwrap_or(Position::START)
    }

    /// Nothing behind this was applied.
    pub fn most(&self) -> Position {
        self.0.iter().copied().max().unwrap_or(Position::START)
    }

    /// Up to where this stream's events were applied.
    pub fn by(&self, stream: &str) -> Position {
        self.0[index_of(stream, self.0.len())]
    }

    pub fn positions(self) -> Vec<Position> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is a part of every batch's statement, so its text is held to the letter: one statement to prepare, with eight
    /// parameters and the state's word in it.
    #[test]
    fn the_fence_is_one_constant_text() {
        let text = "WITH fence AS (UPDATE checkpoints
    SET position = $5, event_id = $6, applied = $7, digest = $8, updated_at = clock_timestamp()
  WHERE name = $1 AND generation = $2 AND partition = $3 AND position = $4 AND state = 'running'
    AND EXISTS (SELECT 1 FROM events WHERE position = $5 AND event_id = $6) RETURNING 1)";
        assert_eq!(FENCE, text);
    }
}
