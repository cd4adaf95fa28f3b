//! What became of a batch that was handed over.

use daybook_domain::Position;

use super::{batch::Batch, snapshots::Snapshot, submission::Submission, verdict::Ending};
use crate::{error::Failure, working_set::WorkingSet};

/// What became of a batch that was handed over.
pub enum Ended {
    /// It is durable.
    Appended(Batch, Appended),
    /// Nothing was appended: it has to be decided again.
    Outdated(Batch),
    /// Nothing was appended, or it is not known.
    Failed(Batch, Failure),
    /// It was decided again, and all is said.
    Redecided(Box<Redecided>),
}

/// A batch's place in the log.
#[derive(Debug, Clone, Copy)]
pub struct Appended {
    /// The head of the log before the batch.
    pub base: i64,
    /// No other process has appended since our last batch.
    pub undisturbed: bool,
}

impl Appended {
    pub fn position(self, events_until: usize) -> Position {
        Position(self.base + i64::try_from(events_until).expect("a batch is small"))
    }
}

/// Every command's answer, and the states that are durable now.
#[derive(Default)]
pub struct Redecided {
    pub answers: Vec<(Submission, Ending)>,
    pub set: WorkingSet,
    pub snapshots: Vec<Snapshot>,
    pub connection_lost: bool,
}
