//! Which processes project: each holds a row for as long as it is there, and counts those of all.

use sqlx::PgPool;
use tokio::time::sleep;

use crate::{background::Background, tasks::Tasks, timeout::with_timeout_of};

/// What a process that projects holds for as long as it is there.
const PRESENCE: &str = "worker/";

pub(crate) fn start(tasks: &Tasks, background: &Background) {
    let background = background.clone();
    tasks.keep("shares", move |stop| {
        let background = background.clone();
        async move {
            let name = format!("{PRESENCE}{}", background.leases.holder());
            let watch = async {
                loop {
                    match with_timeout_of(background.leases.term(), processes(&background.pool)).await {
                        Ok(processes) => background.shares.set_processes(processes.max(1)),
                        Err(error) => tracing::debug!(%error, "cannot count the processes"),
                    }
                    sleep(background.leases.term() / 5).await;
                }
            };
            let watch = async {
                tokio::select! { () = watch => {} () = stop.cancelled() => {} }
            };
            background.leases.hold(&background.pool, &name, &stop, watch).await;
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
