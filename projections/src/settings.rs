//! What can be set, and what it is unless set.

use std::time::Duration;

#[derive(Debug, Clone)]
pub struct Settings {
    pub nats_url: String,
    pub stream_name: String,
    /// Events go to `{subject_prefix}.events.{aggregate}.{event}`.
    pub subject_prefix: String,
    pub stream_max_age: Duration,
    pub stream_max_bytes: i64,
    /// Copies of the stream in a JetStream cluster, 1–5.
    pub stream_replicas: usize,
    /// For how long a lease is good without being renewed.
    pub lease_term: Duration,
    /// How often is looked at what should have been announced.
    pub poll_interval: Duration,
    /// Workers that share the streams of a read model. Counts for generations that are made from now on.
    pub partitions: usize,
    /// The most events that a projection commits at once.
    pub batch_events: usize,
    /// The least time between the starts of two batches of a projection: under load they become
    /// larger instead of more.
    pub batch_interval: Duration,
    /// The pause between two looks of the auditor.
    pub audit_interval: Duration,
    /// Rows of each generation that it compares with the log at a look.
    pub audit_rows: usize,
    /// Connections of all that runs in the background.
    pub max_connections: u32,
    pub cache_bytes: u64,
    /// After which an answer is made again even if nobody touched it.
    pub cache_ttl: Duration,
    /// Effects that are performed at the same time.
    pub effect_concurrency: usize,
    /// After so many failed tries an effect is a dead letter.
    pub effect_attempts: u32,
    /// How long one try may take.
    pub effect_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            nats_url: "nats://127.0.0.1:4222".into(),
            stream_name: "DAYBOOK".into(),
            subject_prefix: "daybook".into(),
            stream_max_age: Duration::from_secs(24 * 60 * 60),
            stream_max_bytes: 1 << 30,
            stream_replicas: 1,
            lease_term: Duration::from_secs(5),
            poll_interval: Duration::from_secs(1),
            partitions: 1,
            batch_events: 1_000,
            batch_interval: Duration::from_millis(5),
            audit_interval: Duration::from_secs(5),
            audit_rows: 2_000,
            max_connections: 16,
            cache_bytes: 64 << 20,
            cache_ttl: Duration::from_secs(60),
            effect_concurrency: 8,
            // With waits that double from 5 s to 10 min: about two and a half hours.
            effect_attempts: 20,
            effect_timeout: Duration::from_secs(20),
        }
    }
}

/// Which work this process takes part in. Of each kind of worker, and of each partition's, one is active
/// at a time, whatever the number of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    pub relay: bool,
    /// Read models and their rebuilds.
    pub projections: bool,
    pub reactor: bool,
}
