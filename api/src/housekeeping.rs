//! What has to be thrown away from time to time so that nothing grows for ever.

use std::time::Duration;

use actix_web::web::Data;
use sqlx::PgPool;
use tokio::time::{interval, timeout};
use tracing::warn;

use crate::{app::App, auth::revocation, http::limits::SWEEP_EVERY};

const FORGET_EVERY: Duration = Duration::from_secs(60);
/// Idempotency keys forgotten by one statement.
const FORGET_AT_MOST: i32 = 10_000;

/// Forgets the callers who have not called for a while. Never ends.
pub async fn sweep_rates(app: Data<App>) {
    let mut ticks = interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        app.rates.sweep();
    }
}

/// Forgets answers that nobody may ask for again, and revocations of tokens that have ended. Never ends.
pub async fn forget_answers(pool: PgPool) {
    let mut ticks = interval(FORGET_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = in_time(revocation::forget(&pool)).await {
            warn!(%error, "cannot forget old revocations");
        }
        loop {
            match in_time(forget_keys(&pool)).await {
                Ok(count) if count == i64::from(FORGET_AT_MOST) => {}
                Ok(_) => break,
                Err(error) => {
                    warn!(%error, "cannot forget old idempotency keys");
                    break;
                }
            }
        }
    }
}

async fn forget_keys(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT forget_idempotency_keys($1)").bind(FORGET_AT_MOST).fetch_one(pool).await
}

/// An answer that was lost is not waited for: the next round does it again.
async fn in_time<T>(asked: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    timeout(FORGET_EVERY, asked).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}
