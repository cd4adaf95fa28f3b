//! What could not be done and waits for an operator.

use chrono::{DateTime, Utc};
use daybook_domain::{Position, words};
use serde::Serialize;
use sqlx::{FromRow, PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use crate::{
    checkpoint::CheckpointState,
    notices::{self, EFFECTS, OPERATORS},
    reactor::state::EffectState,
    sql::{as_text, sql},
};

/// Resolved ones that are listed beside the open ones.
const MAX_LISTED: i64 = 1_000;

#[derive(Debug, Clone, Serialize, FromRow)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DeadLetter {
    pub id: Uuid,
    /// A projection's name, or `reactor`.
    pub consumer: String,
    pub position: i64,
    pub event_id: Uuid,
    /// The trace of the request that caused the event (W3C Trace Context), if there was one.
    #[cfg_attr(feature = "schema", schema(required, pattern = "^[0-9a-f]{32}$", max_length = 32))]
    pub trace_id: Option<String>,
    /// What kind of effect it was; `None` if it was no effect.
    #[cfg_attr(feature = "schema", schema(required))]
    pub kind: Option<String>,
    #[cfg_attr(feature = "schema", schema(required))]
    pub target: Option<String>,
    pub error: String,
    pub created_at: DateTime<Utc>,
    /// It is open if `None`.
    #[cfg_attr(feature = "schema", schema(required))]
    pub resolution: Option<Resolution>,
    #[cfg_attr(feature = "schema", schema(required))]
    pub resolved_at: Option<DateTime<Utc>>,
}

/// The column of a dead letter that the event has.
const TRACE_ID: &str = "(SELECT substr(metadata->>'traceparent', 4, 32) FROM events
      WHERE events.position = dead_letters.position) AS trace_id";

words! {
    /// What an operator decided about a dead letter.
    pub enum Resolution {
        Retried = "retried",
        Skipped = "skipped",
    }
}

#[cfg(feature = "schema")]
daybook_domain::schema_of_words!(Resolution);

as_text!(Resolution);

/// Adds one, unless the same one is open already.
pub(crate) async fn add(
    connection: &mut PgConnection,
    consumer: &str,
    position: Position,
    event_id: Uuid,
    effect: Option<(&str, &str)>,
    error: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO dead_letters (id, consumer, position, event_id, kind, target, error)
         VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(consumer)
    .bind(position.0)
    .bind(event_id)
    .bind(effect.map(|(kind, _)| kind))
    .bind(effect.map(|(_, target)| target))
    .bind(error)
    .execute(connection)
    .await?;
    Ok(())
}

/// Open ones first, then the newest; at most 1,000.
pub(crate) async fn list(pool: &PgPool, open_only: bool) -> Result<Vec<DeadLetter>, sqlx::Error> {
    sqlx::query_as(sql!(
        "SELECT *, ",
        TRACE_ID,
        " FROM dead_letters WHERE resolution IS NULL OR NOT $1
          ORDER BY resolution IS NOT NULL, created_at DESC LIMIT $2",
    ))
    .bind(open_only)
    .bind(MAX_LISTED)
    .fetch_all(pool)
    .await
}

/// Which events the consumer was told to skip: what folds the log again skips them too.
pub(crate) async fn skipped(executor: impl PgExecutor<'_>, consumer: &str) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT event_id FROM dead_letters WHERE consumer = $1 AND kind IS NULL AND resolution = $2",
    )
    .bind(consumer)
    .bind(Resolution::Skipped)
    .fetch_all(executor)
    .await
}

/// `None`: there is none that is open under this id.
pub(crate) async fn resolve(
    pool: &PgPool,
    id: Uuid,
    resolution: Resolution,
    reason: &str,
) -> Result<Option<DeadLetter>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let letter: Option<DeadLetter> = sqlx::query_as(sql!(
        "UPDATE dead_letters SET resolution = $2, resolved_at = clock_timestamp()
          WHERE id = $1 AND resolution IS NULL RETURNING *, ",
        TRACE_ID,
    ))
    .bind(id)
    .bind(resolution)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(letter) = letter else { return Ok(None) };
    if letter.kind.is_some() {
        resolve_effect(&mut transaction, &letter, resolution, reason).await?;
    } else {
        resume_consumer(&mut transaction, &letter, resolution).await?;
    }
    for channel in [EFFECTS, OPERATORS] {
        notices::notify(&mut *transaction, channel, "").await?;
    }
    transaction.commit().await?;
    tracing::info!(%id, ?resolution, reason, "a dead letter was resolved");
    Ok(Some(letter))
}

async fn resolve_effect(
    connection: &mut PgConnection,
    letter: &DeadLetter,
    resolution: Resolution,
    reason: &str,
) -> Result<(), sqlx::Error> {
    let (state, sql) = match resolution {
        Resolution::Retried => (
            EffectState::Pending,
            "UPDATE effects SET state = $5, attempts = 0, due_at = statement_timestamp(), finished_at = NULL,
                    last_error = coalesce($4, last_error)
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = $6",
        ),
        Resolution::Skipped => (
            EffectState::Skipped,
            "UPDATE effects SET state = $5, finished_at = clock_timestamp(),
                    last_error = coalesce($4, last_error)
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = $6",
        ),
    };
    let note = (resolution == Resolution::Skipped).then(|| format!("skipped: {reason}"));
    sqlx::query(sql)
        .bind(letter.event_id)
        .bind(&letter.kind)
        .bind(&letter.target)
        .bind(note)
        .bind(state)
        .bind(state.before())
        .execute(connection)
        .await?;
    Ok(())
}

/// Every generation that is parked in front of the event goes on: with it, or behind it.
async fn resume_consumer(
    connection: &mut PgConnection,
    letter: &DeadLetter,
    resolution: Resolution,
) -> Result<(), sqlx::Error> {
    let past = resolution == Resolution::Skipped;
    sqlx::query(
        "UPDATE checkpoints SET state = $5, reason = NULL, updated_at = clock_timestamp(),
                position = CASE WHEN $3 THEN $2 ELSE position END,
                event_id = CASE WHEN $3 THEN $4 ELSE event_id END
          WHERE name = $1 AND state = $6 AND position = $2 - 1",
    )
    .bind(&letter.consumer)
    .bind(letter.position)
    .bind(past)
    .bind(letter.event_id)
    .bind(CheckpointState::Running)
    .bind(CheckpointState::Parked)
    .execute(connection)
    .await?;
    Ok(())
}
