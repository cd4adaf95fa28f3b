//! How much of the time a pool of database connections has none left. A pool doesn't say how long requests wait for one, and
//! at a single moment, such as that of a scrape, one may be free by chance.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::metrics::{POOL_FULL_SECONDS, Pool};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks at these pools. What is found counts for the time since the look before.
pub struct WatchingPools(pub Vec<(Pool, PgPool)>);

#[async_trait]
impl Worker for WatchingPools {
    fn about(&self) -> About {
        let description = "Counts how long all database connections of a pool are in use, for the metrics.";
        About::new("pools", description, When::every(LOOK_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::NONE);
        let mut before = Instant::now();
        while duty.or_over(sleep(LOOK_EVERY)).await.is_some() {
            let now = Instant::now();
            for (name, _) in self.0.iter().filter(|(_, pool)| is_full(pool)) {
                POOL_FULL_SECONDS.with_label_values(&[name.as_str()]).inc_by((now - before).as_secs_f64());
            }
            before = now;
            rounds.went_well();
        }
    }
}

/// Connections that are being opened or closed are in use, too.
fn is_full(pool: &PgPool) -> bool {
    pool.size() >= pool.options().get_max_connections() && pool.num_idle() == 0
}
