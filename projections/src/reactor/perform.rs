//! Claims effects that are due and performs them: several at once, each with a time limit, again after
//! a failure, and not for ever.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use daybook_domain::{Position, reactions::EffectKind, words};
use daybook_migrations::traces::{self, KeyValue, Span, SpanKind};
use futures::{FutureExt, future::join_all};
use sqlx::FromRow;
use tokio::time::{sleep, timeout};
use tracing::Instrument;
use uuid::Uuid;

use super::{ledger::NAME, state::EffectState};
use crate::{
    background::Background,
    dead_letters, metrics,
    sql::sql,
    tasks::panic_text,
    timeout::with_timeout,
    workers::{About, Duty, Pauses, When, Worker},
};

/// The wait after the first failure; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LONGEST_RETRY: Duration = Duration::from_secs(600);
/// How long after its time limit an effect stays claimed, so that there is time to mark it.
const CLAIM_MARGIN: Duration = Duration::from_secs(5);
/// How often a mark is tried before the claim is left to run out.
const MARK_ATTEMPTS: u32 = 5;
const PAUSES: Pauses = Pauses::millis(200, 5_000);
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
    /// The position of the event. The effect tells what was true there.
    pub position: Position,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// What an effect needs that no event proposed, sealed by who proposed it.
    pub payload: Option<Vec<u8>>,
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

words! {
    /// How one try to perform an effect ended.
    enum TryOutcome {
        Done = "done",
        Retried = "retried",
        Dead = "dead",
    }
}

/// Claims an effect that is due: $1 is for how many seconds, $2 which kinds. Rows are named by ctid, because for a join
/// the planner may read the whole ledger. The index is for pending ones, and is used up to a time only if that is the
/// same for the whole statement, which `clock_timestamp()` isn't.
pub const CLAIM: &str = sql!(
    "UPDATE effects SET attempts = attempts + 1,
            due_at = clock_timestamp() + $1 * interval '1 second'
      WHERE ctid = (SELECT ctid FROM effects
                     WHERE state = '",
    EffectState::Pending.as_str(),
    "' AND due_at <= statement_timestamp() AND kind = ANY($2)
                     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING event_id, kind, target, position, attempts, payload,
            (SELECT metadata->>'traceparent' FROM events WHERE events.position = effects.position) AS traceparent",
);

/// Does what is written down.
pub(crate) struct Performing {
    pub background: Background,
    pub performer: Arc<dyn Performer>,
}

#[derive(FromRow)]
struct Claim {
    event_id: Uuid,
    kind: String,
    target: String,
    position: i64,
    attempts: i32,
    payload: Option<Vec<u8>>,
    /// The trace of the request that caused the event.
    traceparent: Option<String>,
}

#[async_trait]
impl Worker for Performing {
    fn about(&self) -> About {
        let description = "Performs the effects that the ledger has, several at once, such as sending mails.";
        let poll = self.background.settings.background.poll_interval.get();
        About::new("performers", description, When::signal("effects are written down").or_every(poll))
    }

    /// One lane for each effect that may be under way.
    async fn run(&self, duty: &Duty) {
        let lanes = self.background.settings.effects.concurrency.max(1);
        join_all((0..lanes).map(|_| self.lane(duty))).await;
    }
}

impl Performing {
    async fn lane(&self, duty: &Duty) {
        let rounds = duty.rounds(PAUSES);
        let woken = &self.background.signals.effects;
        while !duty.is_over() {
            let round = async {
                let claim = with_timeout(self.claim()).await?;
                rounds.went_well();
                let Some(claim) = claim else { return Ok(false) };
                // Where one was due there may be more, for another lane.
                woken.notify_one();
                // Finished even when it is time to stop; it has its time limit.
                let trace_id = claim.traceparent.as_deref().map(traces::id);
                let lines = tracing::info_span!("effect", trace_id);
                self.perform(claim).instrument(lines).await;
                Ok(true)
            };
            let complain = |error: &sqlx::Error| tracing::error!(%error, "cannot claim effects");
            if rounds.attempt(round, complain).await == Some(false) {
                duty.or_over(self.wait()).await;
            }
        }
    }

    async fn wait(&self) {
        tokio::select! {
            () = self.background.signals.effects.notified() => {}
            () = sleep(self.background.settings.background.poll_interval.get()) => {}
        }
    }

    async fn claim(&self) -> Result<Option<Claim>, sqlx::Error> {
        // A row of a newer release is left to that release.
        let claimed_for = self.background.settings.effects.timeout.get() + CLAIM_MARGIN;
        sqlx::query_as(CLAIM)
            .bind(claimed_for.as_secs_f64())
            .bind(EffectKind::WORDS)
            .fetch_optional(&self.background.pool)
            .await
    }

    async fn perform(&self, claim: Claim) {
        let Ok(kind) = claim.kind.parse::<EffectKind>() else { return };
        let effect = ClaimedEffect {
            event_id: claim.event_id,
            kind,
            target: claim.target.clone(),
            position: Position(claim.position),
            attempt: u32::try_from(claim.attempts).unwrap_or(u32::MAX),
            payload: claim.payload,
        };
        let begun = Instant::now();
        let span = traces::sampled(claim.traceparent.as_deref())
            .map(|place| Span::begin("effect", SpanKind::Consumer, Some(&place), begun));
        let limit = self.background.settings.effects.timeout;
        let performed =
            AssertUnwindSafe(timeout(limit.get(), self.performer.perform(&effect))).catch_unwind().await;
        let ended = match performed {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) => Err(EffectError::Retry(format!("took longer than {limit}"))),
            Err(panic) => Err(EffectError::Retry(panic_text(&*panic))),
        };
        let may_retry = effect.attempt < self.background.settings.effects.attempts;
        let (outcome, error) = match ended {
            Ok(()) => (TryOutcome::Done, String::new()),
            Err(EffectError::Retry(error)) if may_retry => (TryOutcome::Retried, error),
            Err(error) => (TryOutcome::Dead, error.to_string()),
        };
        if let Some(span) = span {
            describe(span, &effect, outcome);
        }
        metrics::EFFECT_SECONDS.observe(begun.elapsed().as_secs_f64());
        metrics::EFFECTS.with_label_values(&[kind.as_str(), outcome.as_str()]).inc();
        self.mark(&effect, outcome, &error).await;
    }

    /// Writes the outcome down. If that fails to the end, the claim runs out and the effect is
    /// performed again.
    async fn mark(&self, effect: &ClaimedEffect, outcome: TryOutcome, error: &str) {
        for failures in 0..MARK_ATTEMPTS {
            let marked = match outcome {
                TryOutcome::Done => with_timeout(self.done(effect)).await,
                TryOutcome::Retried => with_timeout(self.again(effect, error)).await,
                TryOutcome::Dead => with_timeout(self.dead(effect, error)).await,
            };
            let Err(error) = marked else { return };
            tracing::warn!(event = %effect.event_id, kind = effect.kind.as_str(), %error, "cannot mark an effect");
            sleep(PAUSES.jittered(failures)).await;
        }
    }

    async fn done(&self, effect: &ClaimedEffect) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE effects SET state = $4, finished_at = clock_timestamp(), last_error = NULL, payload = NULL
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = $5",
        )
        .bind(effect.event_id)
        .bind(effect.kind.as_str())
        .bind(&effect.target)
        .bind(EffectState::Done)
        .bind(EffectState::Done.before())
        .execute(&self.background.pool)
        .await?;
        Ok(())
    }

    async fn again(&self, effect: &ClaimedEffect, error: &str) -> Result<(), sqlx::Error> {
        let pause = retry_pause(effect.attempt).mul_f64(rand::random_range(0.75..1.25));
        tracing::warn!(event = %effect.event_id, kind = effect.kind.as_str(), attempt = effect.attempt, error,
            "an effect failed and is tried again");
        sqlx::query(
            "UPDATE effects SET last_error = $4, due_at = clock_timestamp() + $5 * interval '1 second'
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = $6",
        )
        .bind(effect.event_id)
        .bind(effect.kind.as_str())
        .bind(&effect.target)
        .bind(bounded(error))
        .bind(pause.as_secs_f64())
        .bind(EffectState::Pending)
        .execute(&self.background.pool)
        .await?;
        Ok(())
    }

    async fn dead(&self, effect: &ClaimedEffect, error: &str) -> Result<(), sqlx::Error> {
        let kind = effect.kind.as_str();
        let error = bounded(error);
        let mut transaction = self.background.pool.begin().await?;
        let died = sqlx::query(
            "UPDATE effects SET state = $5, finished_at = clock_timestamp(), last_error = $4
              WHERE event_id = $1 AND kind = $2 AND target = $3 AND state = $6",
        )
        .bind(effect.event_id)
        .bind(kind)
        .bind(&effect.target)
        .bind(&error)
        .bind(EffectState::Dead)
        .bind(EffectState::Dead.before())
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

/// Says what was tried, and ends with it. What it was for and what went wrong may name someone.
fn describe(mut span: Span, effect: &ClaimedEffect, outcome: TryOutcome) {
    span.name(format!("effect {}", effect.kind.as_str()));
    span.set([
        KeyValue::new("daybook.effect.kind", effect.kind.as_str()),
        KeyValue::new("daybook.effect.attempt", i64::from(effect.attempt)),
        KeyValue::new("daybook.position", effect.position.0),
    ]);
    if outcome != TryOutcome::Done {
        span.fail(outcome.as_str());
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
