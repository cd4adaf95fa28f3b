//! How long each part of a rebuild took, for `/metrics`.

use std::time::Instant;

use daybook_domain::words;

use crate::metrics;

words! {
    /// A part of a rebuild.
    pub(super) enum Phase {
        Load = "load",
        CatchUp = "catch_up",
        Verify = "verify",
        /// It goes beside the verification.
        Index = "index",
        Swap = "swap",
    }
}

pub(super) struct Phases {
    projection: &'static str,
    begun: Instant,
}

impl Phases {
    pub fn of(projection: &'static str) -> Self {
        Self { projection, begun: Instant::now() }
    }

    /// The part between the last call and this one.
    pub fn ended(&mut self, phase: Phase) {
        let seconds = self.begun.elapsed().as_secs_f64();
        metrics::REBUILD_PHASE_SECONDS.with_label_values(&[self.projection, phase.as_str()]).set(seconds);
        self.begun = Instant::now();
    }
}
