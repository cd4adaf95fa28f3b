//! What can be set of the write side.

use daybook_domain::settings::{Size, Span, between};

daybook_domain::settings! {
    /// The write side: what waits, what is appended together, what is kept in memory. The defaults were
    /// measured on two cores; more is rarely better.
    pub struct Settings {
        /// Commands that wait for their answer; beyond that they are turned away.
        max_queued_commands: usize = 8_192, between(1, 1_000_000);
        /// What these commands may take in memory.
        max_queued_size: Size = Size::mib(64), between(Size::kib(4), Size::gib(16));
        /// Commands that are decided and appended together.
        max_batch_commands: usize = 512, between(1, 10_000);
        /// Events that are appended together; a single command may have more.
        max_batch_events: usize = 4_096, between(1, 100_000);
        /// Streams whose newest state is kept in memory.
        working_set_streams: usize = 100_000, between(1_000, 100_000_000);
        /// What these states may take in memory, about. An order of 1,000 lines takes as much as the
        /// counters of some hundred SKUs.
        working_set_size: Size = Size::mib(256), between(Size::mib(1), Size::tib(1));
        /// How long an append, or loading streams for one, may take before its connection is given up.
        append_timeout: Span = Span::seconds(15), between(Span::millis(100), Span::minutes(5));
        /// How long the outcome of an append is looked for after its connection was lost.
        resolve_timeout: Span = Span::seconds(10), between(Span::millis(100), Span::minutes(5));
        /// How long the stock of a new order is held for it, where the feature `expire_orders` is enabled. One that isn't
        /// confirmed by then is cancelled. Left out: held until the order is confirmed or cancelled.
        #[serde(skip_serializing_if = "Option::is_none")]
        hold_ttl: Option<Span> = None, between(Span::seconds(1), Span::days(365)).optional();
        /// Connections to the database that read streams and look keys up. One more appends.
        connections: u32 = 4, between(1, 1_000);
    }
}
