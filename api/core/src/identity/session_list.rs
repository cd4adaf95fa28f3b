//! Sessions as they are shown.

use chrono::{DateTime, Utc};
use daybook_domain::sealed::Sealed;
use sqlx::types::Json;
use uuid::Uuid;

use super::{
    asker::Asker,
    error::IdentityError,
    sessions::{Device, Sessions},
};

/// Sessions that are shown.
const MAX_SHOWN: i64 = 100;

/// A session as its owner sees it.
#[derive(Debug)]
pub struct SessionView {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub last_used: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub is_current: bool,
    pub device: Option<Device>,
}

impl Sessions {
    /// Those of the caller that have not ended, the newest first.
    pub async fn list(&self, asker: &Asker) -> Result<Vec<SessionView>, IdentityError> {
        let actor = asker.actor.as_ref().ok_or(IdentityError::Unauthenticated)?;
        self.of(asker, &actor.subject).await
    }

    /// The same of any account.
    pub(super) async fn of(&self, asker: &Asker, account: &str) -> Result<Vec<SessionView>, IdentityError> {
        type Shown = (Uuid, DateTime<Utc>, DateTime<Utc>, DateTime<Utc>, Json<Sealed>);
        let rows: Vec<Shown> = sqlx::query_as(
            "SELECT id, created_at, advanced_at, until, device FROM sessions
              WHERE account = $1 AND ended_at IS NULL AND idle_until > $2 AND until > $2
              ORDER BY created_at DESC, id DESC LIMIT $3",
        )
        .bind(account)
        .bind(asker.now)
        .bind(MAX_SHOWN)
        .fetch_all(&self.shared.pool)
        .await?;
        let keys = self.shared.vault.keys(rows.iter().map(|row| &row.4.0)).await?;
        let here = asker.log_in.and_then(|log_in| log_in.session);
        let view = |(id, created_at, last_used, until, device): Shown| {
            let device = keys.open(&device.0)?;
            Ok(SessionView { id, created_at, last_used, until, is_current: here == Some(id), device })
        };
        rows.into_iter().map(view).collect()
    }
}
