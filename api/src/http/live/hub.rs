//! What all followers of this process share.

use std::time::Duration;

use daybook_domain::Position;
use tokio::sync::{Semaphore, watch};

use super::places::Places;
use crate::config::Config;

/// How many followers read the log at the same time: however many there are, queries keep connections.
const READERS: usize = 2;

pub struct Live {
    /// The newest head of the log that this process heard of. Only a reason to look: it may be late.
    pub(super) head: watch::Receiver<Position>,
    pub(super) places: Places,
    pub(super) readers: Semaphore,
    pub(super) heartbeat: Duration,
}

impl Live {
    pub fn new(config: &Config, head: watch::Receiver<Position>) -> Self {
        Self {
            head,
            places: Places::new(config.max_live_streams, config.max_live_streams_per_subject),
            readers: Semaphore::new(READERS),
            heartbeat: Duration::from_millis(config.live_heartbeat_ms),
        }
    }
}
