//! Effects that no event proposes: something is to be done because it was asked for, and nothing has happened yet.

use daybook_domain::reactions::EffectKind;
use sqlx::PgPool;
use uuid::Uuid;

use crate::notices::{EFFECTS, notify};

/// Where such effects are written down. Once they are, they are performed like those that follow from events.
#[derive(Clone)]
pub struct EffectLedger(PgPool);

impl EffectLedger {
    pub fn new(pool: PgPool) -> Self {
        Self(pool)
    }

    /// Durable when this returns. `id` stands in the place of an event's. `payload` is what it needs, sealed by who proposes
    /// it; it is gone when the effect is done.
    pub async fn propose(
        &self,
        id: Uuid,
        kind: EffectKind,
        target: &str,
        payload: &[u8],
    ) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO effects (event_id, position, kind, target, payload) VALUES ($1, 0, $2, $3, $4)",
        )
        .bind(id)
        .bind(kind.as_str())
        .bind(target)
        .bind(payload)
        .execute(&self.0)
        .await?;
        // Lost notifications cost a moment: performers look again by themselves.
        if let Err(error) = notify(&self.0, EFFECTS, "").await {
            tracing::debug!(%error, "cannot notify of an effect");
        }
        Ok(())
    }
}
