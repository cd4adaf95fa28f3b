//! Tokens that end before their time: one by its id, a subject's, or all that a key has signed. What one
//! process is told, every other one learns from the database within a second.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use daybook_migrations::with_timeout_of;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use futures::TryFutureExt;
use sqlx::{PgExecutor, PgPool};
use tokio::time::{Instant, sleep};
use tracing::warn;
use uuid::Uuid;

use super::{
    claims::MAX_LIFETIME_S,
    custom_roles,
    revoked::{Revoked, RevokedKind},
    token::Verifier,
};
use crate::metrics;

const READ_EVERY: Duration = Duration::from_millis(300);
/// Less than half of how old they may usually be, so that one answer may get lost.
const READ_TIMEOUT: Duration = Duration::from_secs(2);
/// All are read again, so that those of tokens that have ended anyway are forgotten.
const READ_ALL_EVERY: Duration = Duration::from_secs(3_600);
/// A row may show up this much later than the time that it bears.
const OVERLAP_S: f64 = 60.0;

// Times are the same for the whole statement, which `clock_timestamp()` isn't: only so an index is used up to them.

/// What was recorded in the last $1 seconds.
pub const READ: &str = "SELECT kind, value, issued_until FROM revocations
      WHERE recorded_at > statement_timestamp() - make_interval(secs => $1)";
/// Deletes what was recorded before that.
pub const FORGET: &str =
    "DELETE FROM revocations WHERE recorded_at < statement_timestamp() - make_interval(secs => $1)";

/// Ends tokens, for every process. A cheap handle.
#[derive(Clone)]
pub struct Revocations {
    pool: PgPool,
    verifier: Arc<Verifier>,
}

#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    #[error("no other signing key is left")]
    LastKey,
    #[error(transparent)]
    Unavailable(#[from] sqlx::Error),
}

impl Revocations {
    pub fn new(pool: PgPool, verifier: Arc<Verifier>) -> Self {
        Self { pool, verifier }
    }

    /// The last key that is left is not revoked: no token would be good any more, that of an admin included, and a
    /// revocation can't be taken back.
    ///
    /// A token says only in which second it was issued, so a subject's tokens of the whole second end. This returns when
    /// that second is over: a token that is issued afterwards is good.
    pub async fn revoke(&self, revoked: Revoked) -> Result<(), RevokeError> {
        let mut transaction = self.pool.begin().await?;
        if matches!(revoked, Revoked::Key(_)) {
            // Another process may be about to revoke the other key.
            sqlx::query("LOCK TABLE revocations IN SHARE ROW EXCLUSIVE MODE")
                .execute(&mut *transaction)
                .await?;
            self.verifier.revoke(read(&mut *transaction, ALL_S).await?);
            if self.verifier.is_last_key(revoked.value()) {
                return Err(RevokeError::LastKey);
            }
        }
        let issued_until = self.verifier.now();
        insert(&mut *transaction, &revoked, issued_until).await?;
        transaction.commit().await?;
        let is_subject = matches!(revoked, Revoked::Subject(_));
        self.verifier.revoke([(revoked, issued_until)]);
        if is_subject {
            sleep(self.verifier.left_of(issued_until)).await;
        }
        Ok(())
    }
}

async fn insert(
    executor: impl PgExecutor<'_>,
    revoked: &Revoked,
    issued_until: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO revocations (kind, value, issued_until) VALUES ($1, $2, $3)
             ON CONFLICT (kind, value)
             DO UPDATE SET issued_until = greatest(revocations.issued_until, excluded.issued_until),
                           recorded_at = clock_timestamp()",
    )
    .bind(revoked.kind().as_str())
    .bind(revoked.value())
    .bind(issued_until)
    .execute(executor)
    .await?;
    Ok(())
}

/// What was recorded in these last seconds.
async fn read(executor: impl PgExecutor<'_>, seconds: f64) -> Result<Vec<(Revoked, i64)>, sqlx::Error> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(READ).bind(seconds).fetch_all(executor).await?;
    let revoked = |(kind, value, until): (String, String, i64)| {
        let kind: RevokedKind = kind.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok((Revoked::stored(kind, value), until))
    };
    rows.into_iter().map(revoked).collect()
}

/// Sessions and API keys that ended in these last seconds. One whose end is in the future is read when it has come.
pub const READ_ENDED: &str = "SELECT id FROM sessions
      WHERE ended_at > statement_timestamp() - make_interval(secs => $1)
      UNION ALL
     SELECT id FROM api_keys
      WHERE ended_at > statement_timestamp() - make_interval(secs => $1) AND ended_at <= statement_timestamp()";
/// Access tokens of sessions are good for an hour at most, and keys are not remembered for longer.
const ENDED_S: f64 = 2.0 * 3_600.0;

async fn read_ended(executor: impl PgExecutor<'_>, seconds: f64) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(READ_ENDED).bind(seconds).fetch_all(executor).await
}

#[allow(clippy::cast_precision_loss, reason = "a year has far fewer than 2^52 seconds")]
const ALL_S: f64 = MAX_LIFETIME_S as f64 + OVERLAP_S;

/// Makes the verifier know all that counts.
pub async fn load(pool: &PgPool, verifier: &Verifier) -> Result<(), sqlx::Error> {
    let began = Instant::now();
    verifier.replace_revocations(read(pool, ALL_S).await?, read_ended(pool, ENDED_S).await?);
    verifier.roles().replace(custom_roles::read(pool).await?);
    verifier.freshness().read_at(began);
    Ok(())
}

/// Keeps the verifier at what the database says, roles included. While that can't be read, what is known stays in force;
/// when it is too old, no token is taken any more.
pub struct FollowingRevocations {
    /// For nothing else: a read that waits behind slow queries would keep all callers out.
    pub pool: PgPool,
    pub verifier: Arc<Verifier>,
}

#[async_trait]
impl Worker for FollowingRevocations {
    fn about(&self) -> About {
        let description = "Reads which tokens were revoked and what custom roles come to, so that this process \
                           refuses those tokens, and all if it can't read that for too long.";
        About::new("revocations", description, When::every(READ_EVERY))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::new(READ_EVERY, READ_EVERY));
        let (mut read_all, mut read_last) = (Instant::now(), Instant::now());
        while !duty.is_over() {
            let now = Instant::now();
            let all = now - read_all >= READ_ALL_EVERY;
            let seconds = if all { ALL_S } else { (now - read_last).as_secs_f64() + OVERLAP_S };
            let read = with_timeout_of(READ_TIMEOUT, async {
                Ok::<_, sqlx::Error>((
                    read(&self.pool, seconds).await?,
                    read_ended(&self.pool, seconds.min(ENDED_S)).await?,
                    custom_roles::read(&self.pool).await?,
                ))
            });
            let read = read.inspect_err(|_| metrics::REVOCATIONS_UNREAD.inc());
            let complain = |error: &_| {
                warn!(%error, "cannot read which tokens were revoked; those that are known stay so");
            };
            let Some((revoked, ended, roles)) = rounds.attempt(read, complain).await else { continue };
            read_last = now;
            if all {
                read_all = now;
                self.verifier.replace_revocations(revoked, ended);
            } else {
                self.verifier.revoke(revoked);
                self.verifier.end(ended);
            }
            self.verifier.roles().replace(roles);
            self.verifier.freshness().read_at(now);
            rounds.went_well();
            duty.or_over(sleep(READ_EVERY)).await;
        }
    }
}

/// Deletes what concerns only tokens that have ended by themselves.
pub async fn forget(pool: &PgPool) -> Result<(), sqlx::Error> {
    sqlx::query(FORGET).bind(ALL_S).execute(pool).await.map(drop)
}
