//! Waiting for a condition: asked again until it holds, never for a fixed time.

use std::time::{Duration, Instant};

/// How long a condition may take before the test is given up, s.
const PATIENCE_S: u64 = 30;
const PAUSE_MS: u64 = 5;

/// Returns when `holds` does; panics with `what` if that takes too long.
#[track_caller]
pub fn until(what: &str, holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let held = within(Duration::from_secs(PATIENCE_S), holds).await;
        assert!(held, "waited in vain until {what} ({caller})");
    }
}

/// Returns when nothing is `left`; panics with `what` when that hasn't become less for too long.
#[track_caller]
pub fn until_none_is_left(what: &str, mut left: impl AsyncFnMut() -> i64) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let mut least = left().await;
        while least > 0 {
            let before = least;
            let became_less = within(Duration::from_secs(PATIENCE_S), async || {
                least = left().await;
                least < before
            });
            assert!(became_less.await, "waited in vain until {what}, {least} are left ({caller})");
        }
    }
}

/// What [`until`] does, for code that can't await.
#[track_caller]
pub fn until_blocking(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(PATIENCE_S);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(PAUSE_MS));
    }
}

/// Whether `holds` did, within so long.
pub async fn within(limit: Duration, holds: impl AsyncFnMut() -> bool) -> bool {
    daybook_dev::until::within(limit, Duration::from_millis(PAUSE_MS), holds).await
}

/// For destructors: drives `work` to its end, for so long at most, on a thread of its own, because this one
/// may be driving a runtime already.
pub fn finish(limit: Duration, work: impl Future<Output = ()> + Send + 'static) {
    let finished = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let _ = runtime.block_on(async { tokio::time::timeout(limit, work).await });
        }
    });
    let _ = finished.join();
}
