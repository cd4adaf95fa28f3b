//! Work that goes on beside requests. A task that dies says so; a bare spawn would die silently.

use std::future::Future;

use tokio::task::JoinHandle;
use tracing::{Instrument, error, info_span};

/// Runs `future` until it ends or the handle is aborted. `name` appears in its log lines.
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let task = tokio::spawn(future.instrument(info_span!("task", name)));
    tokio::spawn(async move {
        if let Err(failure) = task.await
            && failure.is_panic()
        {
            error!(task = name, "a background task panicked and is gone");
        }
    })
}
