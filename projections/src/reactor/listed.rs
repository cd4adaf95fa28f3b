//! The ledger as operators see it: what has to be done, and what was done last.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::state::EffectState;
use crate::{
    notices::{self, EFFECTS},
    sql::sql,
};

/// An effect, as the ledger has it.
#[derive(Debug, Clone, Serialize, FromRow)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Effect))]
pub struct ListedEffect {
    /// The event that asked for it.
    pub event_id: Uuid,
    pub position: i64,
    #[cfg_attr(feature = "schema", schema(max_length = 64, examples("mail.order_placed")))]
    pub kind: String,
    /// What it is performed with: `post` has mails, `clock` what only speaks to the database, such as timers.
    #[cfg_attr(feature = "schema", schema(max_length = 64, examples("post")))]
    pub lane: String,
    #[cfg_attr(
        feature = "schema",
        schema(max_length = 500, examples("ord_019b0000000070008000000000000001"))
    )]
    pub target: String,
    pub state: EffectState,
    /// How often it was tried.
    pub attempts: i32,
    /// When it is tried next, if it waits. It may never have been due yet.
    pub due_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    #[cfg_attr(feature = "schema", schema(required))]
    pub finished_at: Option<DateTime<Utc>>,
    #[cfg_attr(feature = "schema", schema(required, max_length = 2000))]
    pub last_error: Option<String>,
}

const COLUMNS: &str =
    "event_id, position, kind, lane, target, state, attempts, due_at, created_at, finished_at, last_error";

/// What should have been done by now, lane by lane. The indexes are for what is due, and for what fails: those that are due
/// later cost nothing.
pub const DUE: &str = sql!(
    "SELECT lane, count(*), extract(epoch FROM statement_timestamp() - min(since))::float8 FROM (
         SELECT lane, due_at AS since FROM effects
          WHERE state = '",
    EffectState::Pending.as_str(),
    "' AND due_at <= statement_timestamp() AND failing_since IS NULL
         UNION ALL
         SELECT lane, failing_since FROM effects
          WHERE state = '",
    EffectState::Pending.as_str(),
    "' AND failing_since IS NOT NULL) due
      GROUP BY lane",
);

/// The indexes are for those that wait, and for ids of events, which grow with time.
pub(crate) async fn list(
    pool: &PgPool,
    waiting_only: bool,
    limit: i64,
) -> Result<Vec<ListedEffect>, sqlx::Error> {
    let wanted = match waiting_only {
        true => sql!(
            "SELECT ",
            COLUMNS,
            " FROM effects WHERE state = '",
            EffectState::Pending.as_str(),
            "' ORDER BY due_at LIMIT $1",
        ),
        false => sql!("SELECT ", COLUMNS, " FROM effects ORDER BY event_id DESC, kind, target LIMIT $1"),
    };
    sqlx::query_as(wanted).bind(limit).fetch_all(pool).await
}

/// `None`: no such effect was done. One that no event has asked for can't be repeated: what it needs is gone.
pub(crate) async fn repeat(
    pool: &PgPool,
    event_id: Uuid,
    kind: &str,
    target: &str,
) -> Result<Option<ListedEffect>, sqlx::Error> {
    let repeated = sqlx::query_as(sql!(
        "UPDATE effects SET state = $4, attempts = 0, due_at = statement_timestamp(), finished_at = NULL
          WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = $5
            AND EXISTS (SELECT 1 FROM events WHERE (events.position, events.event_id) = (effects.position, $1))
      RETURNING ",
        COLUMNS,
    ))
    .bind(event_id)
    .bind(kind)
    .bind(target)
    .bind(EffectState::Pending)
    .bind(EffectState::Done)
    .fetch_optional(pool)
    .await?;
    if repeated.is_some() {
        notices::notify(pool, EFFECTS, "").await?;
    }
    Ok(repeated)
}
