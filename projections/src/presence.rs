//! Which processes project: each holds a row for as long as it is there, and counts those of all.

use sqlx::PgPool;
use tokio::time::sleep;

use crate::{answered::answered_within, background::Works, tasks::Tasks};

/// What a process that projects holds for as long as it is there.
const PRESENCE: &str = "worker/";

pub(crate) fn start(tasks: &Tasks, works: &Works) {
    let works = works.clone();
    tasks.keep("shares", move |stop| {
        let works = works.clone();
        async move {
            let name = format!("{PRESENCE}{}", works.leases.holder());
            let watch = async {
                loop {
                    match answered_within(works.leases.term(), processes(&works.pool)).await {
                        Ok(processes) => works.shares.set_processes(processes.max(1)),
                        Err(error) => tracing::debug!(%error, "cannot count the processes"),
                    }
                    sleep(works.leases.term() / 5).await;
                }
            };
            let watch = async {
                tokio::select! { () = watch => {} () = stop.cancelled() => {} }
            };
            works.leases.hold(&works.pool, &name, &stop, watch).await;
        }
    });
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
