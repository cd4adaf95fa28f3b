//! What of accounts is thrown away in time, and when their keys were used.

use std::sync::Arc;

use async_trait::async_trait;
use daybook_migrations::with_timeout_of;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use sqlx::PgPool;
use std::time::Duration;
use tokio::time::sleep;
use tracing::warn;

use super::opening::Identity;
use crate::vault::VaultError;

const EVERY: Duration = Duration::from_secs(60);
/// Sessions are remembered for so long after their end: a refresh token of theirs may still come.
const ENDED_KEPT_S: f64 = 30.0 * 86_400.0;
/// A secret that no account names is thrown away after so long.
const UNNAMED_KEPT_S: f64 = 86_400.0;

/// Forgets what is over, and writes down which keys were used.
pub struct Keeping {
    pub identity: Arc<Identity>,
    pub pool: PgPool,
}

#[async_trait]
impl Worker for Keeping {
    fn about(&self) -> About {
        let description =
            "Writes down which API keys were used, and forgets sessions, links and activity that are over.";
        About::new("accounts", description, When::every(EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::new(EVERY, EVERY));
        while !duty.is_over() {
            let round = async { with_timeout_of(EVERY, self.round()).await };
            let complain = |error: &_| warn!(%error, "cannot forget what is over around accounts");
            if rounds.attempt(round, complain).await.is_some() {
                rounds.went_well();
                duty.or_over(sleep(EVERY)).await;
            }
        }
    }
}

impl Keeping {
    async fn round(&self) -> Result<(), sqlx::Error> {
        self.identity.keys.write_used(&self.pool).await?;
        self.identity.shared.budgets.sweep();
        let kept = self.identity.shared.settings.activity_kept.get().as_secs_f64();
        for (statement, seconds) in [
            ("DELETE FROM activity WHERE at < statement_timestamp() - make_interval(secs => $1)", kept),
            (
                "DELETE FROM sessions WHERE until < statement_timestamp() - make_interval(secs => $1)",
                ENDED_KEPT_S,
            ),
            (
                "DELETE FROM sessions WHERE ended_at < statement_timestamp() - make_interval(secs => $1)",
                ENDED_KEPT_S,
            ),
            (
                "DELETE FROM outside_attempts WHERE until < statement_timestamp() - make_interval(secs => $1)",
                UNNAMED_KEPT_S,
            ),
            (
                "DELETE FROM links WHERE expires_at < statement_timestamp() - make_interval(secs => $1)",
                UNNAMED_KEPT_S,
            ),
        ] {
            sqlx::query(statement).bind(seconds).execute(&self.pool).await?;
        }
        self.renew_keys().await.map_err(|error| match error {
            VaultError::Database(error) => error,
            error => sqlx::Error::Decode(error.into()),
        })
    }

    /// Another process may have made a new one.
    async fn renew_keys(&self) -> Result<(), VaultError> {
        let secrets = &self.identity.secrets;
        secrets.read().await?;
        secrets.forget_retired().await
    }
}
