//! Effects that no event proposes: something is to be done because it was asked for, and nothing has happened yet.

use daybook_domain::reactions::EffectKind;
use sqlx::PgPool;
use uuid::Uuid;

/// Where such effects are written down. Once they are, they are performed like those that follow from events.
#[derive(Clone)]
pub struct EffectLedger(PgPool);

impl EffectLedger {
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Durable when this returns. `id` stands in the place of an event's. `payload` is what it needs, sealed by who proposes
    /// it; it is gone when the effect is done. It is due a second later, so that the work for it, which depends on what
    /// was asked, doesn't show in the time that the answer takes.
    pub async fn propose(
        &self,
        id: Uuid,
        kind: EffectKind,
        target: &str,
        payload: &[u8],
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO effects (event_id, position, kind, target, payload, lane, due_at)
             VALUES ($1, 0, $2, $3, $4, $5, statement_timestamp() + interval '1 second')",
        )
        .bind(id)
        .bind(kind.as_str())
        .bind(target)
        .bind(payload)
        .bind(kind.lane().as_str())
        .execute(&self.0)
        .await?;
        Ok(())
    }
}
