//! What a worker is.

use async_trait::async_trait;

use super::{about::About, duty::Duty};

/// Something that a process does by itself, for as long as it runs.
#[async_trait]
pub trait Worker: Send + Sync {
    fn about(&self) -> About;

    /// Works until its duty is over. If it returns earlier, or panics, it is called again.
    async fn run(&self, duty: &Duty);
}
