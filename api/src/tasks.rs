//! Work that goes on beside requests. A task that dies says so; a bare spawn would die silently.

use std::{future::Future, panic::AssertUnwindSafe};

use futures::FutureExt;
use tokio::task::JoinHandle;
use tracing::{Instrument, error, info_span};

/// Runs `future` until it ends or the handle is aborted. `name` appears in its log lines.
#[allow(clippy::disallowed_methods, reason = "the one home of spawned tasks in this crate")]
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let guarded = async move {
        if AssertUnwindSafe(future).catch_unwind().await.is_err() {
            error!("a background task panicked and is gone");
        }
    };
    tokio::spawn(guarded.instrument(info_span!("task", name)))
}
