//! A worker at work: when to stop, when to wait, and the loop in which it fails and tries again.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    about::About,
    journal::{Journal, Journals, LastError},
    pauses::Pauses,
    tell::Tell,
};

/// What a worker is given for one run.
pub struct Duty {
    stop: CancellationToken,
    journal: Arc<Journal>,
    journals: Arc<Journals>,
    /// Its journal is closed with it.
    is_part: bool,
}

/// One loop of a worker, which may have several.
pub struct Rounds<'a> {
    duty: &'a Duty,
    pauses: Pauses,
    /// How many failures in a row are not logged.
    quiet: u32,
    /// Failures in a row.
    failures: AtomicU32,
    /// Whether it is failing, as its journal says.
    is_failing: AtomicBool,
}

impl Duty {
    pub(super) fn new(stop: CancellationToken, journal: Arc<Journal>, journals: Arc<Journals>) -> Self {
        Self { stop, journal, journals, is_part: false }
    }

    /// Cancelled when it is time to stop.
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    pub fn is_over(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// The same duty with another end.
    #[must_use]
    pub fn until(&self, stop: CancellationToken) -> Self {
        Self::new(stop, Arc::clone(&self.journal), Arc::clone(&self.journals))
    }

    /// A duty that is listed by itself for as long as it lives: one of several workers that this one has.
    #[must_use]
    pub fn part(&self, about: About, stop: CancellationToken) -> Self {
        let journals = Arc::clone(&self.journals);
        Self { stop, journal: journals.open(about), journals, is_part: true }
    }

    /// What `work` comes to; `None`, and it is dropped, if it is time to stop.
    pub async fn or_over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            done = work => Some(done),
        }
    }

    /// What `wait` comes to. Meanwhile the worker counts as waiting, also in the middle of a round.
    pub async fn idle<T>(&self, wait: impl Future<Output = T>) -> T {
        let _idle = self.journal.idle();
        wait.await
    }

    pub fn rounds(&self, pauses: Pauses) -> Rounds<'_> {
        Rounds {
            duty: self,
            pauses,
            quiet: 0,
            failures: AtomicU32::new(0),
            is_failing: AtomicBool::new(false),
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if self.is_part {
            self.journals.close(&self.journal);
        }
    }
}

impl Rounds<'_> {
    /// So many failures in a row are not worth a word.
    #[must_use]
    pub fn quiet_for(mut self, failures: u32) -> Self {
        self.quiet = failures;
        self
    }

    /// What the next round comes to. It watches the end of its duty itself, and says itself when it
    /// [went well](Self::went_well). After one that failed, this rests before it returns `None`; what it failed
    /// with is given to `complain` once, and not again until it went well.
    pub async fn attempt<T, E: Tell>(
        &self,
        round: impl Future<Output = Result<T, E>>,
        complain: impl Fn(&E),
    ) -> Option<T> {
        let done = {
            let _at_work = self.duty.journal.at_work();
            round.await
        };
        match done {
            Ok(value) => Some(value),
            Err(error) => {
                let before = self.note(&error);
                if before == self.quiet {
                    complain(&error);
                }
                self.duty.or_over(sleep(self.pauses.jittered(before))).await;
                None
            }
        }
    }

    /// Whatever failed before works again. A round that goes on for long says so at each thing that it has done.
    pub fn went_well(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.goes_on();
    }

    /// Nothing is wrong as far as can be seen, but it isn't shown that what failed before would work now: the next
    /// failure is one more in the row.
    pub fn goes_on(&self) {
        let was_failing = self.is_failing.swap(false, Ordering::Relaxed);
        self.duty.journal.went_well(self.duty.journals.now(), was_failing);
    }

    /// Whether something failed since it last went well.
    pub fn has_failed(&self) -> bool {
        self.failures.load(Ordering::Relaxed) > 0
    }

    /// Says how many failures came before this one.
    fn note(&self, error: &impl Tell) -> u32 {
        let last = LastError { message: error.tell(), at: self.duty.journals.now() };
        self.duty.journal.failed(last, self.is_failing.swap(true, Ordering::Relaxed));
        let before = self.failures.load(Ordering::Relaxed);
        self.failures.store(before.saturating_add(1), Ordering::Relaxed);
        before
    }
}

impl Drop for Rounds<'_> {
    fn drop(&mut self) {
        if *self.is_failing.get_mut() {
            self.duty.journal.forget_failing();
        }
    }
}

#[cfg(test)]
mod tests;
