//! A rebuild under way: a row that one worker writes its progress to, for as long as it is theirs.

use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use super::state::RebuildState;
use crate::{background::Background, read_models::Definition, stream::handler::HandleError};

/// How often progress is written down, and a cancellation noticed.
pub(super) const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Events that are applied at a time; with less than that left, one has caught up.
pub(super) const PAGE_EVENTS: usize = 1_000;

/// Why a rebuild ended before it was done.
pub(super) enum Ended {
    /// It was cancelled, or taken over by another worker.
    NotOurs,
    /// It can't succeed. What is kept is JSON.
    Failed(serde_json::Value),
    /// The database failed: to be begun again.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Ended {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<HandleError> for Ended {
    fn from(error: HandleError) -> Self {
        match error {
            HandleError::Database(error) => Self::Database(error),
            HandleError::Poison { reason, .. } => Self::failure(&reason),
        }
    }
}

impl Ended {
    pub fn failure(reason: &str) -> Self {
        Self::Failed(serde_json::json!({ "failure": reason }))
    }
}

/// A rebuild that this process works on.
pub(super) struct Job<'a> {
    pub background: &'a Background,
    pub definition: &'static Definition,
    pub id: Uuid,
    pub generation: i32,
}

impl<'a> Job<'a> {
    /// Begins, or begins again, with a generation that no other worker works on.
    pub async fn take(
        background: &'a Background,
        definition: &'static Definition,
    ) -> Result<Option<Self>, sqlx::Error> {
        let taken: Option<(Uuid, i32)> = sqlx::query_as(
            "UPDATE rebuilds SET state = $2, done_events = 0, started_at = clock_timestamp(),
                    updated_at = clock_timestamp(), generation = 1 + greatest(generation,
                        (SELECT coalesce(max(generation), 0) FROM checkpoints WHERE name = $1))
              WHERE projection = $1 AND state = ANY($3)
          RETURNING id, generation",
        )
        .bind(definition.name)
        .bind(RebuildState::Building)
        .bind(RebuildState::Building.before())
        .fetch_optional(&background.pool)
        .await?;
        Ok(taken.map(|(id, generation)| Self { background, definition, id, generation }))
    }

    pub async fn enter(&self, state: RebuildState) -> Result<(), Ended> {
        let entered = sqlx::query(
            "UPDATE rebuilds SET state = $3, updated_at = clock_timestamp()
              WHERE id = $1 AND generation = $2 AND state = ANY($4)",
        );
        let entered = entered.bind(self.id).bind(self.generation).bind(state).bind(state.before());
        let entered = entered.execute(&self.background.pool).await?;
        if entered.rows_affected() == 1 { Ok(()) } else { Err(Ended::NotOurs) }
    }

    /// Writes down how far the load is.
    pub async fn progress(&self, done_events: i64, total_events: i64) -> Result<(), Ended> {
        let written = sqlx::query(
            "UPDATE rebuilds SET done_events = $3, total_events = $4, updated_at = clock_timestamp()
              WHERE id = $1 AND generation = $2 AND state = $5",
        );
        let written = written.bind(self.id).bind(self.generation).bind(done_events).bind(total_events);
        let written = written.bind(RebuildState::Building).execute(&self.background.pool).await?;
        if written.rows_affected() == 1 { Ok(()) } else { Err(Ended::NotOurs) }
    }

    pub async fn still_ours(&self) -> Result<(), Ended> {
        let ours: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM rebuilds WHERE id = $1 AND generation = $2
                AND state = ANY($3))",
        )
        .bind(self.id)
        .bind(self.generation)
        .bind(RebuildState::LIVE)
        .fetch_one(&self.background.pool)
        .await?;
        if ours { Ok(()) } else { Err(Ended::NotOurs) }
    }

    /// Returns when the rebuild is not this worker's any more.
    pub async fn watch(&self) -> Ended {
        loop {
            sleep(PROGRESS_INTERVAL).await;
            if let Err(ended) = self.still_ours().await {
                return ended;
            }
        }
    }

    pub async fn fail(&self, reason: serde_json::Value) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE rebuilds SET state = $4, verification = $3, finished_at = clock_timestamp(),
                    updated_at = clock_timestamp()
              WHERE id = $1 AND generation = $2 AND state = ANY($5)",
        )
        .bind(self.id)
        .bind(self.generation)
        .bind(reason)
        .bind(RebuildState::Failed)
        .bind(RebuildState::Failed.before())
        .execute(&self.background.pool)
        .await?;
        Ok(())
    }
}
