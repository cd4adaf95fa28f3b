//! The one place that spawns. Every task has a name, and none is lost: a panic is reported and the
//! task starts again, and at shutdown all are waited for.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::metrics;

/// How long a task that failed rests before it starts again.
const RESTART_DELAY: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    /// Ends what doesn't end by itself.
    abort: CancellationToken,
}

impl Tasks {
    pub fn new() -> Self {
        Self { tracker: TaskTracker::new(), stop: CancellationToken::new(), abort: CancellationToken::new() }
    }

    /// Runs `work` again and again until the process stops. `work` returns when its token is
    /// cancelled, or earlier to start over.
    pub fn keep<F, W>(&self, name: impl Into<String>, work: W)
    where
        W: Fn(CancellationToken) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let (name, stop, abort) = (name.into(), self.stop.clone(), self.abort.clone());
        let task = async move {
            while !stop.is_cancelled() {
                let run = AssertUnwindSafe(work(stop.clone())).catch_unwind();
                let Err(panic) = run.await else { continue };
                metrics::PANICS.with_label_values(&[&name]).inc();
                tracing::error!(task = name, panic = panic_text(&*panic), "a task panicked and starts again");
                tokio::select! { () = sleep(RESTART_DELAY) => {} () = stop.cancelled() => {} }
            }
        };
        self.tracker.spawn(async move {
            tokio::select! { () = task => {} () = abort.cancelled() => {} }
        });
    }

    /// Stops all tasks, the unwilling ones after `within`.
    pub async fn stop(self, within: Duration) {
        self.stop.cancel();
        self.tracker.close();
        if timeout(within, self.tracker.wait()).await.is_err() {
            tracing::warn!(tasks = self.tracker.len(), "cutting off tasks that did not stop in time");
            self.abort.cancel();
            self.tracker.wait().await;
        }
    }
}

/// Runs all of them, each on whichever thread is free, until they are done. They end with whoever waits
/// here, and a panic in one is a panic here.
pub(crate) async fn side_by_side<F: Future<Output = ()> + Send + 'static>(all: impl Iterator<Item = F>) {
    let mut running: JoinSet<()> = all.collect();
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Runs what keeps a core busy for long on a thread and a runtime of its own, so that whoever answers
/// requests isn't held up. What is made in there, connections too, stays in there. When this future is
/// dropped, `work` ends at its next wait.
pub(crate) async fn apart<T, W, F>(work: W) -> T
where
    T: Send + 'static,
    W: FnOnce() -> F + Send + 'static,
    F: Future<Output = T>,
{
    let dropped = CancellationToken::new();
    let _guard = dropped.clone().drop_guard();
    let thread = tokio::task::spawn_blocking(move || {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = dropped.cancelled() => None,
                done = work() => Some(done),
            }
        })
    });
    match thread.await {
        Ok(done) => done.expect("it is dropped only by who waits here"),
        // As if it had happened here.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and so is whoever waits here.
            Err(_) => std::future::pending().await,
        },
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

/// Waits that grow from `first` to `most`, for one thing that fails again and again.
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
    failures: u32,
}

impl Backoff {
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, next: first, failures: 0 }
    }

    /// Whether nothing failed since it last worked: what fails is said once, not at each try.
    pub fn is_first(&self) -> bool {
        self.failures == 0
    }

    /// How often it failed before.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn reset(&mut self) {
        self.next = self.first;
        self.failures = 0;
    }

    /// Sleeps, with up to half of jitter; returns early when `stop` is cancelled.
    pub async fn wait(&mut self, stop: &CancellationToken) {
        let pause = self.next.mul_f64(rand::random_range(0.5..1.0));
        self.next = (self.next * 2).min(self.most);
        self.failures = self.failures.saturating_add(1);
        tokio::select! { () = sleep(pause) => {} () = stop.cancelled() => {} }
    }
}
