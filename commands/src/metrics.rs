//! What the write side tells Prometheus.

use std::sync::LazyLock;

use daybook_domain::words;
use prometheus::{
    Histogram, IntCounter, IntCounterVec, IntGauge, exponential_buckets, histogram_opts, register_histogram,
    register_int_counter, register_int_counter_vec, register_int_gauge,
};

const ONCE: &str = "metric names are registered once";

words! {
    /// How a command ended.
    pub enum CommandOutcome {
        Accepted = "accepted",
        /// It was answered with what is kept under its key.
        Replayed = "replayed",
        Refused = "refused",
        Failed = "failed",
    }
}

words! {
    /// What became of a snapshot.
    pub enum SnapshotOutcome {
        Written = "written",
        Used = "used",
        /// Its stream was folded from the beginning.
        Undecodable = "undecodable",
        /// It was not written; a later one will be.
        Lost = "lost",
    }
}

pub static QUEUED: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!("daybook_committer_queued_commands", "Commands that wait for their answer")
        .expect(ONCE)
});

pub static BATCH_COMMANDS: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = exponential_buckets(1.0, 2.0, 12).expect("valid buckets");
    register_histogram!(histogram_opts!(
        "daybook_committer_batch_commands",
        "Commands answered by one append",
        buckets
    ))
    .expect(ONCE)
});

pub static COMMIT_SECONDS: LazyLock<Histogram> = LazyLock::new(|| {
    let buckets = exponential_buckets(0.000_25, 2.0, 16).expect("valid buckets");
    register_histogram!(histogram_opts!(
        "daybook_committer_commit_seconds",
        "Time from handing a batch to the database to its answer",
        buckets
    ))
    .expect(ONCE)
});

pub static COMMANDS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "daybook_commands_total",
        "Commands by how they ended: accepted, replayed, refused or failed",
        &["outcome"]
    )
    .expect(ONCE)
});

pub static REDECIDED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "daybook_committer_redecided_batches_total",
        "Batches decided again under the append lock, because a stream had moved or a key was known"
    )
    .expect(ONCE)
});

pub static UNKNOWN: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "daybook_committer_unknown_outcomes_total",
        "Appends whose connection was lost before their answer came"
    )
    .expect(ONCE)
});

pub static STREAMS_LOADED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "daybook_committer_streams_loaded_total",
        "Streams that were not in the working set and were read from the log"
    )
    .expect(ONCE)
});

pub static WORKING_SET_BYTES: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!(
        "daybook_committer_working_set_bytes",
        "About what the states of streams in use keep in memory"
    )
    .expect(ONCE)
});

pub static EVENTS_LOADED: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(
        "daybook_committer_events_loaded_total",
        "Events that were read and folded for those streams; what a snapshot spares is not read"
    )
    .expect(ONCE)
});

pub static SNAPSHOTS: LazyLock<IntCounterVec> = LazyLock::new(|| {
    register_int_counter_vec!(
        "daybook_committer_snapshots_total",
        "Snapshots by what became of them: written, used, undecodable (its stream was folded from the beginning), or lost (not written: a later one will be)",
        &["outcome"]
    )
    .expect(ONCE)
});
