//! Which processes project: each holds a row for as long as it is there, and counts those of all.

use async_trait::async_trait;
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    background::Background,
    timeout::with_timeout_of,
    workers::{About, Duty, Pauses, When, Worker},
};

/// What a process that projects holds for as long as it is there.
const PRESENCE: &str = "worker/";

pub(crate) struct Presence(pub Background);

#[async_trait]
impl Worker for Presence {
    fn about(&self) -> About {
        let description = "Tells other processes that this one projects, and counts them, so that they share the work evenly.";
        About::new("shares", description, When::every(self.0.leases.term() / 5))
    }

    async fn run(&self, duty: &Duty) {
        let Background { leases, pool, shares, .. } = &self.0;
        let name = format!("{PRESENCE}{}", leases.holder());
        let pause = leases.term() / 5;
        let rounds = duty.rounds(Pauses::new(pause, pause));
        let watch = async {
            while !duty.is_over() {
                let counted = rounds.attempt(with_timeout_of(leases.term(), processes(pool)), |error| {
                    tracing::debug!(%error, "cannot count the processes");
                });
                if let Some(processes) = counted.await {
                    shares.set_processes(processes.max(1));
                    rounds.went_well();
                    duty.or_over(sleep(pause)).await;
                }
            }
        };
        leases.hold(pool, &name, duty, duty.or_over(watch)).await;
    }
}
/// Counts those that are there, and forgets those that have long gone.
async fn processes(pool: &PgPool) -> Result<usize, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(
        "WITH gone AS (DELETE FROM leases WHERE starts_with(name, $1)
                          AND expires_at < clock_timestamp() - interval '1 minute')
         SELECT count(*) FROM leases WHERE starts_with(name, $1) AND expires_at > clock_timestamp()",
    )
    .bind(PRESENCE)
    .fetch_one(pool)
    .await?;
    Ok(usize::try_from(count).unwrap_or(0))
}
