//! How the workers are that carry the log elsewhere: to JetStream, or to another system.

use daybook_domain::words;
use daybook_projections::{
    MIRROR, PUBLISHER, RELAY,
    workers::{Crew, WorkerState},
};

use crate::metrics::WORKER_LAST_RUN;

words! {
    /// What carries the log elsewhere.
    pub enum CarrierState {
        /// It does, or waits for its turn because another process does.
        Ok = "ok",
        /// What it did last failed: `GET /admin/workers` says why.
        Down = "down",
        /// This process has none.
        None = "none",
    }
}

daybook_domain::schema_of_words!(CarrierState);

/// Those of this process.
pub struct Carriers(pub Crew);

impl Carriers {
    pub fn relay(&self) -> CarrierState {
        self.state(RELAY)
    }

    pub fn publisher(&self) -> CarrierState {
        self.state(PUBLISHER)
    }

    pub fn mirror(&self) -> CarrierState {
        self.state(MIRROR)
    }

    /// Called before metrics are read.
    pub fn measure(&self) {
        // A worker that is gone ran nothing.
        WORKER_LAST_RUN.reset();
        for worker in self.0.list() {
            if let Some(at) = worker.last_run {
                WORKER_LAST_RUN.with_label_values(&[worker.about.name.as_str()]).set(at.timestamp());
            }
        }
    }

    fn state(&self, name: &str) -> CarrierState {
        let workers = self.0.list();
        match workers.iter().find(|worker| worker.about.name == name).map(|worker| worker.state) {
            None => CarrierState::None,
            Some(WorkerState::Failed) => CarrierState::Down,
            Some(WorkerState::Waiting | WorkerState::Running) => CarrierState::Ok,
        }
    }
}
