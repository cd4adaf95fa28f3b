//! Performs effects that are due, lane by lane: several at once, each with a time limit, and again after a failure.

use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use daybook_domain::{
    Position,
    reactions::{EffectKind, Lane},
};
use daybook_migrations::traces::{self, KeyValue, Span, SpanKind};
use futures::{
    FutureExt, StreamExt,
    future::{join, join_all},
    stream::FuturesUnordered,
};
use tokio::{sync::mpsc, time::timeout};
use tracing::Instrument;
use uuid::Uuid;

use super::{
    claim::{Claim, Claimer, Place},
    marks::{self, Mark, TryOutcome},
    terms::Terms,
};
use crate::{
    background::Background,
    metrics,
    tasks::panic_text,
    workers::{About, Duty, Pauses, Rounds, When, Worker},
};

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
    /// What the database's clock showed when this attempt began.
    pub claimed_at: DateTime<Utc>,
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
    /// It is too early. That is no failure, and the attempt doesn't count.
    #[error("it is too early")]
    Later(Duration),
}

/// Does what is written down.
pub(crate) struct Performing {
    pub background: Background,
    pub performer: Arc<dyn Performer>,
}

#[async_trait]
impl Worker for Performing {
    fn about(&self) -> About {
        let description =
            "Performs the effects that the ledger has, several at once in each lane, such as sending mails.";
        let poll = self.background.settings.background.poll_interval.get();
        About::new("performers", description, When::signal("effects are written down").or_every(poll))
    }

    async fn run(&self, duty: &Duty) {
        let (marks, queue) = mpsc::channel(marks::QUEUED);
        let lanes = async move {
            join_all(Lane::ALL.map(|lane| self.work_off(lane, duty, &marks))).await;
            // The writer ends when it has written the last of them.
            drop(marks);
        };
        join(lanes, marks::write(&self.background, queue)).await;
    }
}

impl Performing {
    /// What is under way is finished even when it is time to stop; it has its time limit.
    async fn work_off(&self, lane: Lane, duty: &Duty, marks: &mpsc::Sender<Mark>) {
        let (terms, rounds) = (Terms::of(lane, &self.background.settings.effects), duty.rounds(PAUSES));
        let (terms, rounds) = (&terms, &rounds);
        let mut claimer = Claimer::new(&self.background, lane, terms, duty, rounds);
        let mut under_way = FuturesUnordered::new();
        loop {
            let claims = {
                let mut next = pin!(claimer.next());
                loop {
                    tokio::select! {
                        claims = &mut next => break claims,
                        Some(()) = under_way.next() => {}
                    }
                }
            };
            let Some(claims) = claims else { break };
            let begin = |(claim, place)| self.perform_at(place, claim, terms, rounds, marks);
            under_way.extend(claims.into_iter().map(begin));
        }
        while under_way.next().await.is_some() {}
    }

    async fn perform_at(
        &self,
        place: Place,
        claim: Claim,
        terms: &Terms,
        rounds: &Rounds<'_>,
        marks: &mpsc::Sender<Mark>,
    ) {
        let trace_id = claim.traceparent.as_deref().map(traces::id);
        let lines = tracing::info_span!("effect", trace_id);
        let performed = async {
            self.perform(claim, terms, marks).await;
            Ok::<_, sqlx::Error>(())
        };
        rounds.attempt(performed.instrument(lines), |_| ()).await;
        drop(place);
    }

    async fn perform(&self, claim: Claim, terms: &Terms, marks: &mpsc::Sender<Mark>) {
        let Ok(kind) = claim.kind.parse::<EffectKind>() else { return };
        let effect = ClaimedEffect {
            event_id: claim.event_id,
            kind,
            target: claim.target,
            position: Position(claim.position),
            attempt: u32::try_from(claim.attempts).unwrap_or(u32::MAX),
            claimed_at: claim.claimed_at,
            payload: claim.payload,
        };
        let begun = Instant::now();
        let span = traces::sampled(claim.traceparent.as_deref())
            .map(|place| Span::begin("effect", SpanKind::Consumer, Some(&place), begun));
        let limit = terms.limit;
        let performed =
            AssertUnwindSafe(timeout(limit.get(), self.performer.perform(&effect))).catch_unwind().await;
        let ended = match performed {
            Ok(Ok(ended)) => ended,
            Ok(Err(_)) => Err(EffectError::Retry(format!("took longer than {limit}"))),
            Err(panic) => Err(EffectError::Retry(panic_text(&*panic))),
        };
        let (outcome, error, pause) = judge(ended, effect.attempt, terms);
        if let Some(span) = span {
            describe(span, &effect, outcome);
        }
        metrics::EFFECT_SECONDS.observe(begun.elapsed().as_secs_f64());
        metrics::EFFECTS.with_label_values(&[kind.as_str(), outcome.as_str()]).inc();
        tell(&effect, outcome, error.as_deref());
        let ClaimedEffect { event_id, target, .. } = effect;
        let (order_key, attempt, kind) = (claim.order_key, claim.attempts, kind.as_str());
        let mark = Mark { event_id, kind, target, attempt, order_key, outcome, error, pause };
        // The writer takes marks until the last sender is gone.
        let _ = marks.send(mark).await;
    }
}

/// The outcome, why it failed, and how long to wait for the next try.
fn judge(
    ended: Result<(), EffectError>,
    attempt: u32,
    terms: &Terms,
) -> (TryOutcome, Option<String>, Duration) {
    match ended {
        Ok(()) => (TryOutcome::Done, None, Duration::ZERO),
        Err(EffectError::Later(pause)) => (TryOutcome::Later, None, pause),
        Err(EffectError::Retry(error)) if terms.may_retry(attempt) => {
            (TryOutcome::Retried, Some(bounded(&error)), terms.pause(attempt))
        }
        Err(error) => (TryOutcome::Dead, Some(bounded(&error.to_string())), Duration::ZERO),
    }
}

/// What went wrong, for the log of the process.
fn tell(effect: &ClaimedEffect, outcome: TryOutcome, error: Option<&str>) {
    let ClaimedEffect { event_id: event, kind, attempt, .. } = effect;
    let kind = kind.as_str();
    match outcome {
        TryOutcome::Done | TryOutcome::Later => {}
        TryOutcome::Retried => {
            tracing::warn!(%event, kind, attempt, error, "an effect failed and is tried again");
        }
        TryOutcome::Dead => {
            tracing::error!(%event, kind, attempt, error, "an effect is a dead letter");
        }
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
    if matches!(outcome, TryOutcome::Retried | TryOutcome::Dead) {
        span.fail(outcome.as_str());
    }
}

/// Text that the database takes, of a bounded length.
fn bounded(error: &str) -> String {
    error.chars().filter(|c| *c != '\0').take(MAX_ERROR_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Effects;

    #[test]
    fn what_is_too_early_is_no_failure_whatever_the_attempt() {
        let terms = Terms::of(Lane::Post, &Effects { attempts: 1, ..Effects::default() });
        let pause = Duration::from_secs(7);
        let later = judge(Err(EffectError::Later(pause)), 1, &terms);
        assert_eq!(later, (TryOutcome::Later, None, pause));
        let failed = judge(Err(EffectError::Retry("no".into())), 1, &terms);
        assert_eq!(failed, (TryOutcome::Dead, Some("no".into()), Duration::ZERO));
    }
}
