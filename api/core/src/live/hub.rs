//! What all followers of this process share.

use std::time::Duration;

use daybook_domain::Position;
use tokio::sync::{Semaphore, watch};

use super::places::Places;
use crate::config;

/// How many followers read the log at the same time: however many there are, queries keep connections.
const READERS: usize = 2;

pub struct Live {
    /// The newest head of the log that this process heard of. Only a reason to look: it may be late.
    pub(super) head: watch::Receiver<Position>,
    pub places: Places,
    pub(super) readers: Semaphore,
    pub(super) heartbeat: Duration,
    /// A client that takes nothing of what is sent to it for so long is ended.
    pub write_timeout: Duration,
}

impl Live {
    /// The newest head of the log that this process heard of. The log is not shorter.
    pub fn head(&self) -> Position {
        *self.head.borrow()
    }

    pub fn new(settings: &config::Live, head: watch::Receiver<Position>) -> Self {
        Self {
            head,
            places: Places::new(settings.max_streams, settings.max_streams_per_subject),
            readers: Semaphore::new(READERS),
            heartbeat: settings.heartbeat.get(),
            write_timeout: settings.write_timeout.get(),
        }
    }
}
