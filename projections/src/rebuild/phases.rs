//! How long each part of a rebuild took, for `/metrics`.

use std::time::Instant;

use crate::metrics;

pub(super) struct Phases {
    projection: &'static str,
    begun: Instant,
}

impl Phases {
    pub fn of(projection: &'static str) -> Self {
        Self { projection, begun: Instant::now() }
    }

    /// The part between the last call and this one.
    pub fn ended(&mut self, phase: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        metrics::REBUILD_PHASE_SECONDS.with_label_values(&[self.projection, phase]).set(seconds);
        self.begun = Instant::now();
    }
}
