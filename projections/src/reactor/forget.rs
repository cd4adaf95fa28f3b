//! Deletes effects that were done long ago.

use daybook_domain::reactions::Lane;
use sqlx::PgPool;

use super::{state::EffectState, terms::kept_for};
use crate::sql::sql;

/// Deletes what is done since $2 seconds in the lane $1, at most $3 rows. The others of this lane are younger.
pub const FORGET: &str = sql!(
    "DELETE FROM effects
      WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM effects
             WHERE state = '",
    EffectState::Done.as_str(),
    "' AND lane = $1 AND finished_at < statement_timestamp() - $2 * interval '1 second'
             ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED))",
);

/// Deletes at most so many rows of each lane. Whether that were all.
pub async fn forget(pool: &PgPool, at_most: i32) -> Result<bool, sqlx::Error> {
    let mut were_all = true;
    for lane in Lane::ALL {
        let forgotten = sqlx::query(FORGET)
            .bind(lane.as_str())
            .bind(kept_for(lane).as_secs_f64())
            .bind(at_most)
            .execute(pool)
            .await?;
        were_all &= forgotten.rows_affected() < u64::from(at_most.unsigned_abs());
    }
    Ok(were_all)
}
