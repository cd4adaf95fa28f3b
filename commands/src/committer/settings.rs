//! The committer's limits.

use std::num::NonZeroUsize;

/// The committer's bounds. The defaults were measured on two cores; more is rarely better.
#[derive(Debug, Clone)]
pub struct CommitterSettings {
    /// Commands that wait for their answer, at most; beyond that they are turned away.
    pub max_queued_commands: usize,
    /// Their size in bytes, at most.
    pub max_queued_bytes: usize,
    /// Commands decided and appended together, at most.
    pub max_batch_commands: usize,
    /// Events of a batch, at most; a single command may have more.
    pub max_batch_events: usize,
    /// Streams whose newest state is kept.
    pub working_set_streams: NonZeroUsize,
    /// What these may keep in memory, about, bytes. An order of 1,000 lines keeps as much as some
    /// hundred SKUs' counters.
    pub working_set_bytes: usize,
    /// How long an append, or loading streams for one, may take before its connection is given up, ms.
    pub append_timeout_ms: u64,
    /// How long the outcome of an append is looked for after its connection was lost, ms.
    pub resolve_timeout_ms: u64,
}

impl Default for CommitterSettings {
    fn default() -> Self {
        Self {
            max_queued_commands: 8_192,
            max_queued_bytes: 64 << 20,
            max_batch_commands: 512,
            max_batch_events: 4_096,
            working_set_streams: NonZeroUsize::new(100_000).expect("not zero"),
            working_set_bytes: 256 << 20,
            append_timeout_ms: 15_000,
            resolve_timeout_ms: 10_000,
        }
    }
}
