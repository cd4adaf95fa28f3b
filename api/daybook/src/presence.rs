//! That this process is there, the database is told; which features are enabled, this process is told.

use std::time::Duration;

use async_trait::async_trait;
use daybook_core::entropy::new_id;
use daybook_migrations::{Features, Oneself, with_timeout_of};
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use sqlx::PgPool;
use tokio::{sync::watch, time::sleep};
use tracing::warn;

use crate::version;

const SAY_EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long a process that ends waits for its row to be taken away.
const TO_LEAVE: Duration = Duration::from_secs(1);

/// What keeps both up to date.
pub struct BeingThere {
    pub oneself: Oneself,
    pub features: Features,
    pub pool: PgPool,
    /// How often an operator acted, of which processes are notified.
    pub operators: watch::Receiver<u64>,
}

/// What this process says of itself.
pub fn oneself() -> Oneself {
    Oneself { id: new_id(), release: version::RELEASE, commit: version::revision().unwrap_or_default() }
}

/// To be called before anything else is done with the database. Returns the features that are enabled there and that this
/// release doesn't know: then it must not be used.
pub async fn enter(
    oneself: &Oneself,
    features: &Features,
    pool: &PgPool,
) -> Result<Vec<String>, sqlx::Error> {
    oneself.say(pool).await?;
    let unknown = features.read().await?;
    if !unknown.is_empty() {
        oneself.leave(pool).await?;
    }
    Ok(unknown)
}

/// To be called when nothing is done with the database any more. If that fails, it counts as there for a minute.
pub async fn leave(oneself: &Oneself, pool: &PgPool) {
    let _ = with_timeout_of(TO_LEAVE, oneself.leave(pool)).await;
}

#[async_trait]
impl Worker for BeingThere {
    fn about(&self) -> About {
        let description = "Tells the database that this process is there and what it knows, and reads which features are \
                           enabled.";
        About::new("presence", description, When::signal("an operator acts").or_every(SAY_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let Self { oneself, features, pool, .. } = self;
        let rounds = duty.rounds(Pauses::new(SAY_EVERY, SAY_EVERY));
        let (mut operators, mut told) = (self.operators.clone(), vec![]);
        while !duty.is_over() {
            operators.mark_unchanged();
            let round = with_timeout_of(TIMEOUT, async {
                let unknown = features.read().await?;
                oneself.say(pool).await?;
                Ok::<_, sqlx::Error>(unknown)
            });
            let complain = |error: &_| warn!(%error, "cannot tell the database that this process is there");
            if let Some(unknown) = rounds.attempt(round, complain).await {
                rounds.went_well();
                if unknown != told {
                    warn!(
                        ?unknown,
                        "features are enabled that this release doesn't know: it must not go on running"
                    );
                    told = unknown;
                }
                let next = async {
                    tokio::select! {
                        // Without a sender, nothing is notified any more.
                        Ok(()) = operators.changed() => {}
                        () = sleep(SAY_EVERY) => {}
                    }
                };
                duty.or_over(next).await;
            }
        }
    }
}
