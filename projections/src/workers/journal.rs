//! What is known of each worker: how it is, when it did a round last, what failed last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::about::About;

daybook_domain::words! {
    /// How a worker is.
    pub enum WorkerState {
        /// For its lease, a signal or its period.
        Waiting = "waiting",
        Running = "running",
        /// Its last round failed; it rests, or tries again.
        Failed = "failed",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// Without SQL, paths, addresses and secrets.
    pub message: String,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerStatus {
    pub about: About,
    pub state: WorkerState,
    /// When a round went well last; `None` if none has yet.
    pub last_run: Option<DateTime<Utc>>,
    pub last_error: Option<LastError>,
    /// Rounds that went well since it was started.
    pub rounds: u64,
    pub failures: u64,
}

/// The journals of all workers of a process.
pub(super) struct Journals {
    /// Tells the time.
    now: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    open: Mutex<Vec<Arc<Journal>>>,
}

/// One worker's.
pub(super) struct Journal {
    about: About,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    last_run: Option<DateTime<Utc>>,
    last_error: Option<LastError>,
    rounds: u64,
    failures: u64,
    /// Loops in the middle of a round, less those that wait in there: a worker may have several.
    at_work: i64,
    /// Loops whose last round failed.
    failing: usize,
    /// It panicked, and no round went well since.
    panicked: bool,
}

/// Undoes what it was made with, also if whatever holds it is dropped in the middle.
pub(super) struct Noting<'a> {
    journal: &'a Journal,
    at_work: i64,
}

impl Journals {
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { now: Box::new(now), open: Mutex::default() }
    }

    pub fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    pub fn open(&self, about: About) -> Arc<Journal> {
        let journal = Arc::new(Journal { about, noted: Mutex::default() });
        self.all().push(Arc::clone(&journal));
        journal
    }

    pub fn close(&self, journal: &Arc<Journal>) {
        self.all().retain(|open| !Arc::ptr_eq(open, journal));
    }

    /// The states of all workers, in the order of their names.
    pub fn statuses(&self) -> Vec<WorkerStatus> {
        let mut statuses: Vec<_> = self.all().iter().map(|journal| journal.status()).collect();
        statuses.sort_by(|a, b| a.about.name.cmp(&b.about.name));
        statuses
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Journal>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    /// In a round, for as long as the guard lives.
    pub fn at_work(&self) -> Noting<'_> {
        self.note(1)
    }

    /// Waits in the middle of a round, for as long as the guard lives.
    pub fn idle(&self) -> Noting<'_> {
        self.note(-1)
    }

    fn note(&self, at_work: i64) -> Noting<'_> {
        self.noted().at_work += at_work;
        Noting { journal: self, at_work }
    }

    /// `was_failing`: the round before, of the same loop, had failed.
    pub fn went_well(&self, at: DateTime<Utc>, was_failing: bool) {
        let mut noted = self.noted();
        noted.rounds += 1;
        noted.last_run = Some(at);
        noted.panicked = false;
        noted.failing -= usize::from(was_failing);
    }

    /// `was_failing` as for [`went_well`](Self::went_well).
    pub fn failed(&self, error: LastError, was_failing: bool) {
        let mut noted = self.noted();
        noted.failures += 1;
        noted.last_error = Some(error);
        noted.failing += usize::from(!was_failing);
    }

    /// A loop that was failing is given up.
    pub fn forget_failing(&self) {
        self.noted().failing -= 1;
    }

    pub fn panicked(&self, at: DateTime<Utc>) {
        let mut noted = self.noted();
        noted.failures += 1;
        // What it said may be anything, so it is for the log only.
        noted.last_error = Some(LastError { message: "it panicked; the log says why".to_owned(), at });
        noted.panicked = true;
    }

    fn status(&self) -> WorkerStatus {
        let noted = self.noted();
        let state = match (noted.failing > 0 || noted.panicked, noted.at_work > 0) {
            (true, _) => WorkerState::Failed,
            (false, true) => WorkerState::Running,
            (false, false) => WorkerState::Waiting,
        };
        WorkerStatus {
            about: self.about.clone(),
            state,
            last_run: noted.last_run,
            last_error: noted.last_error.clone(),
            rounds: noted.rounds,
            failures: noted.failures,
        }
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        self.journal.noted().at_work -= self.at_work;
    }
}
