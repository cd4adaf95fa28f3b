//! What has to be thrown away from time to time so that nothing grows for ever.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use daybook_core::{app::App, auth::revocation, limits::SWEEP_EVERY};
use daybook_migrations::with_timeout_of;
use daybook_projections::{
    reactor,
    workers::{About, Duty, Pauses, When, Worker},
};
use sqlx::PgPool;
use tokio::time::sleep;
use tracing::warn;

const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Idempotency keys, or effects, forgotten by one statement.
const FORGET_AT_MOST: i32 = 10_000;

/// Forgets the callers who have not called for a while.
pub struct Sweeping(pub Arc<App>);

#[async_trait]
impl Worker for Sweeping {
    fn about(&self) -> About {
        let description = "Forgets the rate limits of callers who have not called for a while.";
        About::new("rates", description, When::every(SWEEP_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::NONE);
        while duty.or_over(sleep(SWEEP_EVERY)).await.is_some() {
            self.0.rates.sweep();
            rounds.went_well();
        }
    }
}

/// Forgets answers whose keys have expired, revocations of tokens that have ended, and effects that were done long ago.
pub struct Forgetting(pub PgPool);

#[async_trait]
impl Worker for Forgetting {
    fn about(&self) -> About {
        let description = "Deletes idempotency keys that are older than seven days, revocations of tokens that \
            have ended, and what the ledger has of effects that were done long ago.";
        About::new("forgetting", description, When::every(FORGET_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::new(FORGET_EVERY, FORGET_EVERY));
        while !duty.is_over() {
            let round = duty.or_over(async {
                let revocations = with_timeout_of(FORGET_EVERY, revocation::forget(&self.0)).await;
                // One must not keep the others from being forgotten.
                let effects = self.forget_effects().await;
                self.forget_keys().await.and(revocations).and(effects)
            });
            let round = async { round.await.transpose() };
            let complain =
                |error: &_| warn!(%error, "cannot forget old idempotency keys, revocations and effects");
            if rounds.attempt(round, complain).await.flatten().is_some() {
                rounds.went_well();
                duty.or_over(sleep(FORGET_EVERY)).await;
            }
        }
    }
}

impl Forgetting {
    async fn forget_effects(&self) -> Result<(), sqlx::Error> {
        while !with_timeout_of(FORGET_EVERY, reactor::forget(&self.0, FORGET_AT_MOST)).await? {}
        Ok(())
    }

    /// An answer that was lost is not waited for: the next round does it again.
    async fn forget_keys(&self) -> Result<(), sqlx::Error> {
        let forget = || sqlx::query_scalar("SELECT forget_idempotency_keys($1)").bind(FORGET_AT_MOST);
        loop {
            let forgotten: i64 = with_timeout_of(FORGET_EVERY, forget().fetch_one(&self.0)).await?;
            if forgotten < i64::from(FORGET_AT_MOST) {
                return Ok(());
            }
        }
    }
}
