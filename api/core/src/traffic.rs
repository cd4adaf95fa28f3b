//! The requests in work: how many there are, and whether any more may begin.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use tokio::sync::watch;

use crate::metrics;

/// How much is going on, and whether anything may begin.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    in_flight: AtomicUsize,
    draining: AtomicBool,
    /// Tells tasks that wait for something else and would not look at `draining`.
    drained: watch::Sender<bool>,
}

/// One request in work, until it is dropped.
pub struct InFlight(Traffic);

impl Traffic {
    /// Counts one more, and says how many that makes.
    pub fn enter(&self) -> (InFlight, usize) {
        metrics::IN_FLIGHT.inc();
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        (InFlight(self.clone()), before + 1)
    }

    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// From now on nothing new is taken.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.drained.send_replace(true);
    }

    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Wakes what would go on for ever.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.0.drained.subscribe()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::IN_FLIGHT.dec();
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
