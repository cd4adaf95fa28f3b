//! What the committer does with its time, counted once for each turn of its loop.

use std::time::Instant;

use daybook_migrations::metrics::prometheus::Counter;

use crate::metrics::{Doing, SECONDS};

pub struct Spent {
    since: Instant,
    deciding: Counter,
    flushing: Counter,
    waiting: Counter,
}

impl Spent {
    pub fn new() -> Self {
        let of = |doing: Doing| SECONDS.with_label_values(&[doing.as_str()]);
        let (deciding, flushing, waiting) = (of(Doing::Deciding), of(Doing::Flushing), of(Doing::Waiting));
        Self { since: Instant::now(), deciding, flushing, waiting }
    }

    /// It has decided what there was, and rests.
    pub fn rests(&mut self) {
        let passed = self.passed();
        self.deciding.inc_by(passed);
    }

    /// There is something to do again. `is_flushing`: a batch was with the database.
    pub fn wakes(&mut self, is_flushing: bool) {
        let passed = self.passed();
        let spent = if is_flushing { &self.flushing } else { &self.waiting };
        spent.inc_by(passed);
    }

    fn passed(&mut self) -> f64 {
        let now = Instant::now();
        let passed = now.duration_since(self.since);
        self.since = now;
        passed.as_secs_f64()
    }
}
