//! Waiting for a condition: asked again until it holds, never for a fixed time.

use std::time::{Duration, Instant};

/// Whether `holds` did, within so long; it is asked after every pause.
pub async fn within(limit: Duration, pause: Duration, mut holds: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !holds().await {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
    }
    true
}
