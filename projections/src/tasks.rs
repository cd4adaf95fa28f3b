//! The one place that spawns. Every task has a name, and none is lost: a panic is reported and the
//! task starts again, and at shutdown all are waited for.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use tokio::time::{sleep, timeout};
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
