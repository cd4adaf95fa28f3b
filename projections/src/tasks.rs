//! How the work of one worker is spread over threads.

use std::{any::Any, future::Future};

use tokio::{runtime::Builder, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Runs all of them, each on any thread that is free, until they are done. They end when this future is
/// dropped, and a panic in one of them is a panic here.
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

/// Runs work that keeps a core busy for long on a thread and a runtime of its own, so that the tasks that
/// answer requests aren't held up. What it makes, connections too, must not leave that runtime. When this
/// future is dropped, `work` ends at its next wait.
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
        // A panic in there is a panic here.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and so is the task that waits here.
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
