//! Feeds one consumer with every event, in order, each once: a batch of events, what follows from
//! them and the checkpoint are one transaction.

use std::{sync::Arc, time::Instant};

use daybook_domain::{Position, Record};
use daybook_migrations::{
    ErrorClass, classify, newer_is_there,
    traces::{self, KeyValue, Span, SpanKind},
};
use tokio::{sync::watch, time::sleep};

use super::{
    feed::Feed,
    handler::{HandleError, Handler},
    source::Source,
};
use crate::{
    background::Background,
    checkpoint::{At, Checkpoint, CheckpointState, Consumer},
    dead_letters, metrics,
    timeout::with_timeout,
    traced,
    workers::{Duty, Pauses, Rounds},
};

const PAUSES: Pauses = Pauses::millis(100, 5_000);

pub(crate) struct Subscriber<'a> {
    pub background: &'a Background,
    pub feed: &'a Feed,
    pub consumer: Consumer,
    pub handler: &'a dyn Handler,
}

/// What a consumer does after it was told why it can't go on.
enum Next {
    /// Read the checkpoint again.
    StartOver,
    /// An operator or another process has to act first.
    Wait,
    /// The checkpoint is gone, and with it the generation.
    Gone,
    /// A process of a newer release is there, which may be able to do what this one can't.
    Leave,
}

impl Subscriber<'_> {
    /// Follows the log until its duty is over, or until its checkpoint is gone. `true`: the work should be left to a process
    /// of a newer release.
    pub async fn run(&self, duty: &Duty) -> bool {
        let rounds = duty.rounds(PAUSES);
        let mut operators = self.background.signals.operators();
        while !duty.is_over() {
            operators.mark_unchanged();
            let followed = rounds.attempt(self.follow(duty, &rounds), |error| {
                tracing::error!(projection = self.consumer.name, %error, "the database failed; trying again");
            });
            match followed.await {
                Some(Next::Wait) => drop(duty.or_over(self.wait(&mut operators)).await),
                Some(Next::Gone) => return false,
                Some(Next::Leave) => return true,
                Some(Next::StartOver) | None => {}
            }
        }
        false
    }

    async fn wait(&self, operators: &mut watch::Receiver<u64>) {
        tokio::select! {
            _ = operators.changed() => {}
            () = sleep(self.background.settings.background.poll_interval.get()) => {}
        }
    }

    async fn follow(&self, duty: &Duty, rounds: &Rounds<'_>) -> Result<Next, sqlx::Error> {
        let pool = &self.background.pool;
        let Some(checkpoint) = with_timeout(self.consumer.read(pool)).await? else { return Ok(Next::Gone) };
        if checkpoint.state != CheckpointState::Running {
            return Ok(Next::Wait);
        }
        if !with_timeout(self.consumer.shares_history(pool, &checkpoint)).await? {
            return with_timeout(self.diverged(checkpoint.at.position)).await;
        }
        let settings = &self.background.settings.projections;
        let mut at = checkpoint.at;
        let mut source = Source::new(self.background, self.feed, at.position);
        loop {
            let Some(batch) = duty.or_over(source.next(settings.batch_events, rounds)).await else {
                return Ok(Next::StartOver);
            };
            let batch = batch?;
            let begun = Instant::now();
            let mut span = self.begin(&batch.records, batch.from);
            let committed = self.commit(at, &batch.records).await;
            if let Some(span) = &mut span
                && !matches!(committed, Ok(Some(_)))
            {
                span.fail("not_applied");
            }
            drop(span);
            match committed {
                Ok(Some(moved)) => at = moved,
                Ok(None) => return self.after_fence(at.position).await,
                Err(HandleError::Database(error)) if classify(&error) == ErrorClass::Data => {
                    return self.one_by_one(at, &batch.records).await;
                }
                Err(HandleError::Database(error)) => return Err(error),
                Err(HandleError::Poison { index, reason }) => {
                    return self.up_to_poison(at, &batch.records, index, &reason).await;
                }
            }
            rounds.went_well();
            self.measure(batch.records.len(), batch.from, begun);
            if batch.records.len() < settings.batch_events {
                duty.or_over(sleep(settings.batch_interval.get().saturating_sub(begun.elapsed()))).await;
            }
        }
    }

    async fn commit(&self, from: At, records: &[Arc<Record>]) -> Result<Option<At>, HandleError> {
        with_timeout(self.handler.commit(self.background, from, records)).await
    }

    /// The span of a batch, if it changes something because of a request that is sampled.
    fn begin(&self, records: &[Arc<Record>], from: &'static str) -> Option<Span> {
        let own = records.iter().map(|record| &**record);
        // What is concerned may have to be decided, so that is asked of the sampled only.
        let own = own.filter(|record| traced::header(record).is_some() && self.handler.concerns(record));
        let mut span = traced::begin("apply", SpanKind::Consumer, own)?;
        span.name(format!("apply {}", self.consumer.name));
        traced::message(&mut span, "process", &self.background.settings.stream.name, records.len());
        span.set([
            KeyValue::new("daybook.projection", self.consumer.name),
            KeyValue::new("daybook.generation", i64::from(self.consumer.generation)),
            KeyValue::new("daybook.source", from),
        ]);
        Some(span)
    }

    fn measure(&self, events: usize, from: &str, begun: Instant) {
        let name = self.consumer.name;
        metrics::APPLIED.with_label_values(&[name, from]).inc_by(events as u64);
        metrics::BATCH_EVENTS.with_label_values(&[name]).observe(events as f64);
        metrics::BATCH_SECONDS.with_label_values(&[name]).observe(begun.elapsed().as_secs_f64());
    }

    /// Everything in front of the poison is applied, then the consumer is parked.
    async fn up_to_poison(
        &self,
        at: At,
        records: &[Arc<Record>],
        index: usize,
        reason: &str,
    ) -> Result<Next, sqlx::Error> {
        match self.commit(at, &records[..index]).await {
            Ok(Some(at)) => with_timeout(self.park(at.position, &records[index], reason)).await,
            Err(HandleError::Database(error)) => Err(error),
            Ok(None) | Err(HandleError::Poison { .. }) => Ok(Next::StartOver),
        }
    }

    /// The database refuses something of this batch, for good: which event is it?
    async fn one_by_one(&self, mut at: At, records: &[Arc<Record>]) -> Result<Next, sqlx::Error> {
        for record in records {
            let reason = match self.commit(at, std::slice::from_ref(record)).await {
                Ok(Some(moved)) => {
                    at = moved;
                    continue;
                }
                Ok(None) => return self.after_fence(at.position).await,
                Err(HandleError::Poison { reason, .. }) => reason,
                Err(HandleError::Database(error)) => match classify(&error) {
                    ErrorClass::Data => error.to_string(),
                    _ => return Err(error),
                },
            };
            return with_timeout(self.park(at.position, record, &reason)).await;
        }
        Ok(Next::StartOver)
    }

    async fn park(&self, at: Position, record: &Record, reason: &str) -> Result<Next, sqlx::Error> {
        let name = self.consumer.name;
        if newer_is_there(&self.background.pool).await? {
            let (position, event) = (record.position, &record.event_type);
            tracing::warn!(projection = name, %position, event, reason, "left to a newer release: an event can't be applied");
            return Ok(Next::Leave);
        }
        let mut transaction = self.background.pool.begin().await?;
        if !self.consumer.stop(&mut *transaction, at, CheckpointState::Parked, reason).await? {
            return Ok(Next::StartOver);
        }
        dead_letters::add(&mut transaction, name, record.position, record.event_id, None, reason).await?;
        transaction.commit().await?;
        metrics::PARKED.with_label_values(&[name, CheckpointState::Parked.as_str()]).inc();
        tracing::error!(
            projection = name,
            generation = self.consumer.generation,
            position = %record.position,
            event = record.event_type,
            trace_id = record.traceparent().map(traces::id),
            reason,
            "parked: an event can't be applied"
        );
        Ok(Next::Wait)
    }

    async fn diverged(&self, at: Position) -> Result<Next, sqlx::Error> {
        let name = self.consumer.name;
        let reason = format!("the log holds another event at position {at}, or none");
        if !self.consumer.stop(&self.background.pool, at, CheckpointState::Diverged, &reason).await? {
            return Ok(Next::StartOver);
        }
        metrics::PARKED.with_label_values(&[name, CheckpointState::Diverged.as_str()]).inc();
        tracing::error!(projection = name, position = %at, "diverged: the log has another history; rebuild it");
        Ok(Next::Wait)
    }

    /// If nothing changed, what the feed brought is not in the log: a rest keeps that from becoming a
    /// busy loop.
    async fn after_fence(&self, at: Position) -> Result<Next, sqlx::Error> {
        let checkpoint = with_timeout(self.consumer.read(&self.background.pool)).await?;
        let stands = |found: Checkpoint| found.at.position == at && found.state == CheckpointState::Running;
        if checkpoint.is_some_and(stands) {
            tracing::warn!(projection = self.consumer.name, position = %at, "JetStream brought what the log doesn't hold");
            return Ok(Next::Wait);
        }
        Ok(Next::StartOver)
    }
}
