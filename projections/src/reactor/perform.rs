//! Claims effects that are due and performs them: several at once, each with a time limit, again after
//! a failure, and not for ever.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use daybook_domain::{Position, reactions::EffectKind};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use sqlx::FromRow;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{NAME, dead_letters};
use crate::{
    checkpoint::Works,
    metrics,
    tasks::{Backoff, Tasks, panic_text},
};

/// The wait after the first failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(600);
/// For how long after its time limit an effect stays claimed, so that marking it has time.
const CLAIM_MARGIN: Duration = Duration::from_secs(30);
/// How often a mark is tried before the claim is left to run out.
const MARK_ATTEMPTS: u32 = 5;
/// An error is kept for operators, but not at any length.
const MAX_ERROR_CHARS: usize = 2_000;

/// Does what the domain proposed. It may be asked twice for the same effect, and makes the repeat
/// recognisable outside by `event_id`, `kind` and `target`.
#[async_trait]
pub trait Performer: Send + Sync {
    async fn perform(&self, effect: &ClaimedEffect) -> Result<(), EffectError>;
}

#[derive(Debug, Clone)]
pub struct ClaimedEffect {
    pub event_id: Uuid,
    pub kind: EffectKind,
    pub target: String,
    /// Of the event: what is told is what was true there.
    pub position: Position,
    /// From 1.
    pub attempt: u32,
}

#[derive(Debug, thiserror::Error)]
pub enum EffectError {
    /// It may work later.
    #[error("{0}")]
    Retry(String),
    /// It will never work.
    #[error("{0}")]
    GiveUp(String),
}

pub(super) fn start(tasks: &Tasks, works: &Works, performer: Arc<dyn Performer>) {
    let works = works.clone();
    tasks.keep("performers", move |stop| {
        let (works, performer) = (works.clone(), performer.clone());
        async move { Performers { works: &works, performer: &*performer }.run(&stop).await }
    });
}

struct Performers<'a> {
    works: &'a Works,
    performer: &'a dyn Performer,
}

#[derive(FromRow)]
struct Claim {
    event_id: Uuid,
    kind: String,
    target: String,
    position: i64,
    attempts: i32,
}

impl Performers<'_> {
    async fn run(&self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let mut under_way = FuturesUnordered::new();
        let most = self.works.settings.effect_concurrency.max(1);
        while !stop.is_cancelled() {
            // Asked for before looking, so that what is added meanwhile is not overlooked.
            let woken = self.works.signals.effects.notified();
            let free = most - under_way.len();
            let mut more = false;
            if free > 0 {
                match self.claim(free).await {
                    Ok(claims) => {
                        backoff.reset();
                        more = claims.len() == free;
                        under_way.extend(claims.into_iter().map(|claim| self.perform(claim)));
                    }
                    Err(error) => {
                        if backoff.is_first() {
                            tracing::error!(%error, "cannot claim effects");
                        }
                        backoff.wait(stop).await;
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                // One is done: there is room for the next.
                Some(()) = under_way.next() => {}
                () = woken, if under_way.len() < most => {}
                () = sleep(self.works.settings.poll_interval), if !more || under_way.len() < most => {}
            }
        }
        // What has begun is finished; each has its time limit.
        while under_way.next().await.is_some() {}
    }

    async fn claim(&self, at_most: usize) -> Result<Vec<Claim>, sqlx::Error> {
        // A row of a newer release is left to that release.
        let known: Vec<&str> = EffectKind::ALL.into_iter().map(EffectKind::as_str).collect();
        let claimed_for = self.works.settings.effect_timeout + CLAIM_MARGIN;
        sqlx::query_as(
            "UPDATE effects e SET attempts = e.attempts + 1,
                    due_at = clock_timestamp() + $2 * interval '1 second'
               FROM (SELECT event_id, kind, target FROM effects
                      WHERE state = 'pending' AND due_at <= clock_timestamp() AND kind = ANY($3)
                      ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) due
              WHERE (e.event_id, e.kind, e.target) = (due.event_id, due.kind, due.target)
          RETURNING e.event_id, e.kind, e.target, e.position, e.attempts",
        )
        .bind(i64::try_from(at_most).unwrap_or(i64::MAX))
        .bind(claimed_for.as_secs_f64())
        .bind(known)
        .fetch_all(&self.works.pool)
        .await
    }

    async fn perform(&self, claim: Claim) {
        let Some(kind) = EffectKind::parse(&claim.kind) else { return };
        let effect = ClaimedEffect {
            event_id: claim.event_id,
            kind,
            target: claim.target.clone(),
            position: Position(claim.position),
            attempt: u32::try_from(claim.attempts).unwrap_or(u32::MAX),
        };
        let begun = Instant::now();
        let limit = self.works.settings.effect_timeout;
        let performed =
            AssertUnwindSafe(timeout(limit, self.performer.perform(&effect))).catch_unwind().await;
        let outcome = match performed {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(EffectError::Retry(format!("took longer than {} s", limit.as_secs()))),
            Err(panic) => Err(EffectError::Retry(panic_text(&*panic))),
        };
        metrics::EFFECT_SECONDS.observe(begun.elapsed().as_secs_f64());
        let label = match &outcome {
            Ok(()) => "done",
            Err(EffectError::Retry(_)) if effect.attempt < self.works.settings.effect_attempts => "retried",
            Err(_) => "dead",
        };
        metrics::EFFECTS.with_label_values(&[kind.as_str(), label]).inc();
        self.mark(&effect, outcome).await;
    }

    /// Writes the outcome down. If that fails to the end, the claim runs out and the effect is
    /// performed again.
    async fn mark(&self, effect: &ClaimedEffect, outcome: Result<(), EffectError>) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        for _ in 0..MARK_ATTEMPTS {
            let marked = match &outcome {
                Ok(()) => self.done(effect).await,
                Err(EffectError::Retry(error)) if effect.attempt < self.works.settings.effect_attempts => {
                    self.again(effect, error).await
                }
                Err(error) => self.dead(effect, &error.to_string()).await,
            };
            let Err(error) = marked else { return };
            tracing::warn!(event = %effect.event_id, kind = effect.kind.as_str(), %error, "cannot mark an effect");
            backoff.wait(&CancellationToken::new()).await;
        }
    }

    async fn done(&self, effect: &ClaimedEffect) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE effects SET state = 'done', finished_at = clock_timestamp(), last_error = NULL
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = 'pending'",
        )
        .bind(effect.event_id)
        .bind(effect.kind.as_str())
        .bind(&effect.target)
        .execute(&self.works.pool)
        .await?;
        Ok(())
    }

    async fn again(&self, effect: &ClaimedEffect, error: &str) -> Result<(), sqlx::Error> {
        let pause = retry_pause(effect.attempt).mul_f64(rand::random_range(0.75..1.25));
        tracing::info!(event = %effect.event_id, kind = effect.kind.as_str(), attempt = effect.attempt, error,
            "an effect failed and is tried again");
        sqlx::query(
            "UPDATE effects SET last_error = $4, due_at = clock_timestamp() + $5 * interval '1 second'
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = 'pending'",
        )
        .bind(effect.event_id)
        .bind(effect.kind.as_str())
        .bind(&effect.target)
        .bind(bounded(error))
        .bind(pause.as_secs_f64())
        .execute(&self.works.pool)
        .await?;
        Ok(())
    }

    async fn dead(&self, effect: &ClaimedEffect, error: &str) -> Result<(), sqlx::Error> {
        let kind = effect.kind.as_str();
        let error = bounded(error);
        let mut transaction = self.works.pool.begin().await?;
        let died = sqlx::query(
            "UPDATE effects SET state = 'dead', finished_at = clock_timestamp(), last_error = $4
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = 'pending'",
        )
        .bind(effect.event_id)
        .bind(kind)
        .bind(&effect.target)
        .bind(&error)
        .execute(&mut *transaction)
        .await?;
        if died.rows_affected() == 1 {
            let what = Some((kind, effect.target.as_str()));
            dead_letters::add(&mut transaction, NAME, effect.position, effect.event_id, what, &error).await?;
            tracing::error!(event = %effect.event_id, kind, attempt = effect.attempt, error, "an effect is a dead letter");
        }
        transaction.commit().await
    }
}

/// Text that the database takes, of a bounded length.
fn bounded(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(MAX_ERROR_CHARS).collect()
}

fn retry_pause(attempt: u32) -> Duration {
    FIRST_RETRY.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let pauses: Vec<u64> = [1, 2, 3, 8, 9, 1_000].into_iter().map(|n| retry_pause(n).as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 600, 600, 600]);
    }
}
