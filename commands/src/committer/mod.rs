//! The only writer of the log. One task per process decides commands in the order of their arrival
//! and appends what follows from many of them in one call.
//!
//! The life of a batch: commands arrive and are decided at once on the working set, each seeing what
//! earlier ones did (`decide`). Those that need a stream that isn't there wait aside while it is
//! loaded, and hold up no others; so do those that may be repeats, while their key is looked up
//! (`repeats.rs`). As soon as the connection is free the batch is appended (`append.rs`),
//! while the next one gathers and is decided ahead. Only when it is durable are its commands answered:
//! accepted and refused ones alike, because a refusal, too, may have been decided on states
//! that were never committed (`finish`). If another process has appended to a stream that the batch
//! depends on, or a key is known already, the batch is decided again under the append lock, where nothing
//! can change (`redecide.rs`). If the connection breaks, the outcome is found out before any caller is
//! answered (`append.rs`, `resolve`).

mod append;
mod batch;
mod ended;
mod load;
mod redecide;
mod repeats;
mod snapshots;
mod spent;
mod submission;
mod submit;
mod traced;
mod verdict;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    num::NonZeroUsize,
    time::Instant,
};

use futures::future::BoxFuture;
use sqlx::PgPool;
use tokio::sync::mpsc;

use self::{
    append::Writer,
    batch::{Batch, decide_into},
    ended::{Appended, Ended},
    load::Loaded,
    repeats::Repeats,
    snapshots::{Snapshot, Snapshots},
    spent::Spent,
    submission::{KeyId, Message, Submission},
    verdict::{Ending, ending},
};
use crate::{
    context::Fingerprint,
    error::{CommandError, Failure, Refusal},
    metrics,
    settings::Settings,
    state::{StreamId, Wanted},
    work::{Halt, Work},
    working_set::{Epoch, Expectations, WorkingSet},
};

pub use repeats::ANSWERS;
pub use submit::{Commands, CommitterTask};

pub(crate) struct Committer {
    settings: Settings,
    queue: mpsc::UnboundedReceiver<Message>,
    pool: PgPool,
    set: WorkingSet,
    epoch: Epoch,
    /// Decided, and next to be appended.
    ahead: Batch,
    /// Commands to be decided (again), before any from the queue.
    again: VecDeque<Submission>,
    /// Commands that wait for streams.
    waiting: Vec<Submission>,
    wanted: HashMap<StreamId, Wanted>,
    loading: Option<BoxFuture<'static, (Epoch, Loaded)>>,
    repeats: Repeats,
    snapshots: Snapshots,
    /// The connection, while nothing is being appended.
    writer: Option<Writer>,
    committing: Option<BoxFuture<'static, (Writer, Ended)>>,
    /// Decisions rest while a batch is decided again, or they would rest on states that it replaces.
    redeciding: bool,
    /// Idempotency keys of commands that are not answered yet.
    in_flight: HashMap<KeyId, Fingerprint>,
}

impl Committer {
    fn new(
        settings: Settings,
        queue: mpsc::UnboundedReceiver<Message>,
        pool: PgPool,
        writer: Writer,
    ) -> Self {
        let max_streams = NonZeroUsize::new(settings.working_set_streams).unwrap_or(NonZeroUsize::MIN);
        Self {
            set: WorkingSet::new(max_streams, settings.working_set_size.in_memory()),
            epoch: Epoch::FIRST,
            settings,
            queue,
            pool,
            ahead: Batch::default(),
            again: VecDeque::new(),
            waiting: Vec::new(),
            wanted: HashMap::new(),
            loading: None,
            repeats: Repeats::new(),
            snapshots: Snapshots::default(),
            writer: Some(writer),
            committing: None,
            redeciding: false,
            in_flight: HashMap::new(),
        }
    }

    /// Runs until the queue is closed and every command is answered.
    async fn run(mut self) {
        let mut arrived = Vec::new();
        let mut closed = false;
        let mut spent = Spent::new();
        loop {
            self.decide_again();
            self.trim();
            self.start_append();
            self.start_load();
            self.repeats.start(&self.pool, self.settings.append_timeout.get());
            self.snapshots.start(&self.pool);
            let is_idle = self.committing.is_none() && self.loading.is_none() && self.repeats.is_done();
            if closed && is_idle && self.snapshots.is_done() {
                return;
            }
            let room = self.settings.max_batch_commands.saturating_sub(self.ahead.commands.len());
            let may_decide = !closed && !self.redeciding && !self.ahead.is_full(&self.settings);
            let is_flushing = self.committing.is_some();
            spent.rests();
            tokio::select! {
                biased;
                (writer, ended) = next(&mut self.committing) => {
                    spent.wakes(is_flushing);
                    self.committing = None;
                    self.writer = Some(writer);
                    self.finish(ended);
                }
                (epoch, loaded) = next(&mut self.loading) => {
                    spent.wakes(is_flushing);
                    self.loading = None;
                    self.take_loaded(epoch, loaded);
                }
                looked_up = self.repeats.looked_up() => {
                    spent.wakes(is_flushing);
                    self.take_looked_up(looked_up);
                }
                () = self.snapshots.ended() => spent.wakes(is_flushing),
                count = self.queue.recv_many(&mut arrived, room), if may_decide => {
                    spent.wakes(is_flushing);
                    closed = count == 0;
                    for message in arrived.drain(..) {
                        match message {
                            Message::Decide(submission) => self.admit(*submission),
                            Message::Close => self.queue.close(),
                        }
                    }
                }
            }
        }
    }

    /// A command arrives. Two with one key at the same time are one too many.
    fn admit(&mut self, submission: Submission) {
        if let (Some(id), Some(key)) = (submission.key_id(), &submission.key) {
            let fingerprint = key.fingerprint;
            match self.in_flight.get(&id) {
                Some(other) if *other == fingerprint => return submission.refuse(Refusal::key_in_flight()),
                Some(_) => return submission.refuse(Refusal::key_reused()),
                None => self.in_flight.insert(id, fingerprint),
            };
        }
        self.decide(submission);
    }

    /// Decides on the working set, ahead of what is being appended.
    fn decide(&mut self, submission: Submission) {
        if submission.context.deadline <= Instant::now() {
            return self.fail(submission, Failure::DeadlineExceeded);
        }
        if self.repeats.may_include(&submission) {
            return self.repeats.add(submission);
        }
        match decide_into(&mut self.ahead, &mut self.set, submission) {
            Ok(()) => {}
            Err((submission, Halt::Missing(wanted))) => {
                self.wanted.extend(wanted.into_iter().map(|wanted| (wanted.stream.clone(), wanted)));
                // It comes back when its key was looked up, mostly when its streams are there, too.
                if self.repeats.can_include(&submission) {
                    self.repeats.add(submission);
                } else {
                    self.waiting.push(submission);
                }
            }
            Err((submission, Halt::Broken(error))) => {
                tracing::error!(
                    request_id = submission.context.request_id,
                    error,
                    "a command could not be decided"
                );
                self.fail(submission, Failure::Internal);
            }
            Err((_, Halt::Refused(_))) => unreachable!("a refusal is a verdict"),
        }
    }

    /// Repeats are answered from what is stored, and come into no batch.
    fn take_looked_up(&mut self, looked_up: Vec<(Submission, Option<Ending>)>) {
        for (submission, answer) in looked_up {
            match answer {
                Some(answer) => self.answer(submission, answer),
                None => self.again.push_back(submission),
            }
        }
    }

    fn decide_again(&mut self) {
        while !self.redeciding && !self.ahead.is_full(&self.settings) {
            let Some(submission) = self.again.pop_front() else { return };
            self.decide(submission);
        }
    }

    /// This happens between batches only: what is being appended can't be read from the log yet, and what was
    /// just read is needed by a command that is still to be decided.
    fn trim(&mut self) {
        if self.committing.is_none() && self.again.is_empty() {
            self.set.trim(&self.ahead.expectations);
            metrics::WORKING_SET_BYTES.set(i64::try_from(self.set.bytes()).unwrap_or(i64::MAX));
        }
    }

    fn start_append(&mut self) {
        if self.ahead.is_empty() || self.redeciding {
            return;
        }
        let Some(mut writer) = self.writer.take() else { return };
        let mut batch = Batch { epoch: self.epoch, ..std::mem::take(&mut self.ahead) };
        // Now, before anything is decided ahead of it.
        batch.snapshots = Snapshot::take(&mut self.set, &batch.due);
        metrics::BATCH_COMMANDS.observe(count(batch.commands.len()));
        let span = traced::begin_append(&batch);
        self.committing = Some(Box::pin(async move {
            let ended = writer.append(batch).await;
            traced::end_append(span, &ended);
            (writer, ended)
        }));
    }

    fn start_load(&mut self) {
        if self.loading.is_none() && !self.wanted.is_empty() {
            let wanted = std::mem::take(&mut self.wanted).into_values().collect();
            let limit = self.settings.append_timeout.get();
            let (epoch, load) = (self.epoch, load::load(self.pool.clone(), wanted, limit));
            self.loading = Some(Box::pin(async move { (epoch, load.await) }));
        }
    }

    /// Streams have been read: the commands that waited for them are decided, or wait for more. The states are
    /// the newest if no other process has appended since `epoch`, in which reading them began.
    fn take_loaded(&mut self, epoch: Epoch, loaded: Loaded) {
        // All are decided again, and say what they still lack.
        let waiting = std::mem::take(&mut self.waiting);
        self.wanted.clear();
        let mut broken = HashSet::new();
        match loaded {
            Ok(streams) => {
                for (stream, state) in streams {
                    match state {
                        // A newer one can't be here: a command that changes a stream has it in the set.
                        Ok(mut state) if !self.set.contains(&stream) => {
                            self.snapshots.add(Snapshot::take_if_due((&stream, &mut state)));
                            state.epoch = epoch;
                            self.set.insert(stream, state);
                        }
                        Ok(_) => {}
                        Err(error) => {
                            tracing::error!(%error, "a stream could not be read");
                            broken.insert(stream);
                        }
                    }
                }
            }
            Err(failure) => return waiting.into_iter().for_each(|waiting| self.fail(waiting, failure)),
        }
        for submission in waiting {
            if broken.is_empty() {
                self.again.push_back(submission);
            } else {
                self.decide_unless_broken(submission, &broken);
            }
        }
    }

    fn decide_unless_broken(&mut self, submission: Submission, broken: &HashSet<StreamId>) {
        let mut expectations = Expectations::new();
        let mut work = Work::new(&mut self.set, &mut expectations, &submission.context);
        let halt = submission.decide(&mut work);
        work.take_back();
        match halt {
            Err(Halt::Missing(missing)) if missing.iter().any(|wanted| broken.contains(&wanted.stream)) => {
                self.fail(submission, Failure::Internal);
            }
            _ => self.again.push_back(submission),
        }
    }

    /// The batch under way has ended: its commands are answered, or decided again.
    fn finish(&mut self, ended: Ended) {
        let was_redeciding = std::mem::take(&mut self.redeciding);
        match ended {
            Ended::Appended(batch, appended) => {
                self.confirm(&batch, appended);
                self.snapshots.add(batch.snapshots);
                for decided in batch.commands {
                    let position = appended.position(decided.events_until);
                    self.answer(decided.submission, ending(decided.verdict, position));
                }
            }
            Ended::Outdated(batch) => {
                metrics::REDECIDED.inc();
                self.forget(&batch);
                self.forget_ahead();
                self.redecide(batch);
            }
            Ended::Failed(batch, failure) => {
                // After a broken connection nothing is known of any stream.
                self.set.clear();
                self.forget_ahead();
                for decided in batch.commands {
                    let certain = decided.verdict.is_err() && failure == Failure::OutcomeUnknown;
                    let failure = if certain { Failure::Unavailable } else { failure };
                    self.fail(decided.submission, failure);
                }
            }
            Ended::Redecided(redecided) => {
                debug_assert!(was_redeciding);
                self.snapshots.add(redecided.snapshots);
                redecided.set.drain_into(&mut self.set);
                for (submission, answer) in redecided.answers {
                    self.answer(submission, answer);
                }
                if redecided.connection_lost {
                    self.set.clear();
                }
            }
        }
    }

    /// What the batch rests on was the newest when it was appended.
    fn confirm(&mut self, batch: &Batch, appended: Appended) {
        if !appended.undisturbed {
            self.epoch = self.epoch.next();
        }
        if batch.expectations.values().any(|expectation| expectation.epoch != self.epoch) {
            self.set.confirm(batch.expectations.keys(), self.epoch);
        }
    }

    /// Hands a batch that didn't fit the log to the append lock.
    fn redecide(&mut self, batch: Batch) {
        let mut writer = self.writer.take().expect("the connection has just come back");
        self.redeciding = true;
        let span = traced::begin_again(&batch);
        self.committing = Some(Box::pin(async move {
            let ended = Ended::Redecided(Box::new(writer.redecide(batch).await));
            traced::end_append(span, &ended);
            (writer, ended)
        }));
    }

    /// What was decided ahead rested on a batch that has failed: it is decided again, first of all.
    fn forget_ahead(&mut self) {
        let ahead = std::mem::take(&mut self.ahead);
        self.forget(&ahead);
        let later = std::mem::take(&mut self.again);
        self.again = ahead.into_submissions().chain(later).collect();
    }

    fn forget(&mut self, batch: &Batch) {
        self.set.forget(batch.expectations.keys());
        self.set.forget(batch.events.iter().map(|event| &event.stream));
    }

    fn fail(&mut self, submission: Submission, failure: Failure) {
        self.answer(submission, Err(CommandError::Failed(failure)));
    }

    fn answer(&mut self, submission: Submission, answer: Ending) {
        if let Some(id) = submission.key_id() {
            self.in_flight.remove(&id);
        }
        if let Some(key) = &submission.key {
            self.repeats.take_note(key, &answer);
        }
        submission.answer(answer);
    }
}

/// The future's output; never, if there is none.
async fn next<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of a batch are far below 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}
