//! Commands that are decided one after the other and appended together.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{snapshots::Snapshot, submission::Submission, verdict::Verdict};
use crate::{
    error::Refusal,
    settings::Settings,
    state::StreamId,
    work::{Halt, NewEvent, Work},
    working_set::{Epoch, Expectations, WorkingSet},
};

/// Commands that are decided together, and what must hold for that to be right.
pub struct Batch {
    pub commands: Vec<Decided>,
    pub expectations: Expectations,
    pub events: Vec<NewEvent>,
    /// What its commands take in memory.
    pub size: usize,
    /// The epoch in which it is appended.
    pub epoch: Epoch,
    /// Streams that are due for a snapshot at its end.
    pub due: HashSet<StreamId>,
    /// Snapshots to be written when the batch is durable.
    pub snapshots: Vec<Snapshot>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            commands: Vec::new(),
            expectations: Expectations::new(),
            events: Vec::new(),
            size: 0,
            epoch: Epoch::NEVER,
            due: HashSet::new(),
            snapshots: Vec::new(),
        }
    }
}

/// A command and what was decided about it.
pub struct Decided {
    pub submission: Submission,
    pub verdict: Result<Verdict, Refusal>,
    /// How many events the batch has up to and including those of this command.
    pub events_until: usize,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub fn is_full(&self, settings: &Settings) -> bool {
        self.commands.len() >= settings.max_batch_commands
            || self.events.len() >= settings.max_batch_events
            || self.size >= settings.max_batch_size.in_memory()
    }

    pub fn into_submissions(self) -> impl Iterator<Item = Submission> {
        self.commands.into_iter().map(|decided| decided.submission)
    }
}

/// Decides one command and adds it to the batch. A command that halts is given back, and has changed
/// nothing.
#[allow(clippy::result_large_err, reason = "the command is given back, as it came")]
pub fn decide_into(
    batch: &mut Batch,
    set: &mut WorkingSet,
    submission: Submission,
) -> Result<(), (Submission, Halt)> {
    let mut work = Work::new(set, &mut batch.expectations, &submission.context);
    let decided = catch_unwind(AssertUnwindSafe(|| submission.decide(&mut work)));
    let verdict = match decided {
        Ok(Ok(verdict)) => {
            let (events, due) = work.keep();
            batch.events.extend(events);
            batch.due.extend(due);
            Ok(verdict)
        }
        Ok(Err(Halt::Refused(refusal))) => {
            work.take_back();
            Err(refusal)
        }
        Ok(Err(halt)) => {
            work.take_back();
            return Err((submission, halt));
        }
        Err(_) => {
            work.take_back();
            return Err((submission, Halt::Broken("a decider panicked".into())));
        }
    };
    batch.size += submission.size();
    batch.commands.push(Decided { submission, verdict, events_until: batch.events.len() });
    Ok(())
}
