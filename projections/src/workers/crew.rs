//! The one place that starts work in the background. Every worker has a name, and none is lost: a panic is
//! reported and the worker starts again, and at shutdown all are waited for.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc, thread, time::Duration};

use chrono::{DateTime, Utc};
use futures::FutureExt;
use tokio::{
    runtime::Builder,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{Instrument, info_span};

use super::{
    duty::Duty,
    journal::{Journals, WorkerStatus},
    worker::Worker,
};
use crate::{metrics, tasks::panic_text};

/// How long a worker that panicked rests before it starts again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// All that a process does in the background. A cheap handle.
#[derive(Clone)]
pub struct Crew {
    tracker: TaskTracker,
    stop: CancellationToken,
    /// Ends what doesn't end by itself.
    abort: CancellationToken,
    journals: Arc<Journals>,
}

impl Crew {
    /// `now` tells the time.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self {
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
            journals: Arc::new(Journals::new(now)),
        }
    }

    /// Lists the worker, and has it work until the process stops.
    pub fn keep(&self, worker: Arc<dyn Worker>) {
        let (name, work) = self.kept(worker);
        self.tracker.spawn(self.abortable(&name, work));
    }

    /// The same on a thread of its own, for what has to be in time also when there is more to do than this machine can.
    pub fn keep_apart(&self, worker: Arc<dyn Worker>) {
        let (name, work) = self.kept(worker);
        let work = self.tracker.track_future(self.abortable(&name, work));
        let runtime =
            Builder::new_current_thread().enable_all().build().expect("there is room for a runtime");
        thread::Builder::new()
            .name(name)
            .spawn(move || runtime.block_on(work))
            .expect("there is room for a thread");
    }

    /// Its name, and what it does until it is time to stop.
    fn kept(&self, worker: Arc<dyn Worker>) -> (String, impl Future<Output = ()> + Send + use<>) {
        let about = worker.about();
        let name = about.name.clone();
        let journals = Arc::clone(&self.journals);
        let journal = journals.open(about);
        let duty = Duty::new(self.stop.clone(), Arc::clone(&journal), Arc::clone(&journals));
        let task = name.clone();
        let work = async move {
            while !duty.is_over() {
                let run = AssertUnwindSafe(worker.run(&duty)).catch_unwind();
                let Err(panic) = run.await else { continue };
                metrics::PANICS.with_label_values(&[&task]).inc();
                journal.panicked(journals.now());
                tracing::error!(task, panic = panic_text(&*panic), "a task panicked and starts again");
                duty.or_over(sleep(RESTART_DELAY)).await;
            }
        };
        (name, work)
    }

    /// Runs what is not a worker, because it ends by itself and can't be begun anew.
    pub fn run(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let work = async move {
            if let Err(panic) = AssertUnwindSafe(work).catch_unwind().await {
                metrics::PANICS.with_label_values(&[name]).inc();
                tracing::error!(task = name, panic = panic_text(&*panic), "a task panicked and is gone");
            }
        };
        self.tracker.spawn(self.abortable(name, work));
    }

    /// How each worker is, by name.
    pub fn list(&self) -> Vec<WorkerStatus> {
        self.journals.statuses()
    }

    /// Lets every worker finish what it is at, and cuts off what takes longer than `within`. Nothing is lost by
    /// that: it will be done again.
    pub async fn stop(&self, within: Duration) {
        self.stop.cancel();
        self.tracker.close();
        if timeout(within, self.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "cutting off tasks that did not stop in time");
            self.abort.cancel();
            self.tracker.wait().await;
        }
    }

    fn abortable<W>(&self, name: &str, work: W) -> impl Future<Output = ()> + Send + use<W>
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let abort = self.abort.clone();
        let abortable = async move {
            tokio::select! { () = work => {} () = abort.cancelled() => {} }
        };
        abortable.instrument(info_span!("task", name))
    }
}

#[cfg(test)]
mod tests;
