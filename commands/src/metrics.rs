//! What the write side tells Prometheus.

use daybook_domain::words;
use daybook_migrations::{metrics, metrics::buckets};

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
    /// What the committer does with its time.
    pub enum Doing {
        /// It decides commands, and answers them.
        Deciding = "deciding",
        /// It has decided all that it may, and a batch is with the database.
        Flushing = "flushing",
        /// There is nothing to append, and nothing that can be decided before a command arrives, or streams and earlier
        /// answers are read.
        Waiting = "waiting",
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

metrics! {
    QUEUED: IntGauge("daybook_committer_queued_commands", "Commands that wait for their answer");
    BATCH_COMMANDS: Histogram(
        "daybook_committer_batch_commands",
        "Commands answered by one append",
        buckets(1.0, 2.0, 12),
    );
    COMMIT_SECONDS: Histogram(
        "daybook_committer_commit_seconds",
        "Time from handing a batch to the database to its answer",
        buckets(0.000_25, 2.0, 16),
    );
    COMMANDS: IntCounterVec(
        "daybook_commands_total",
        "Commands by how they ended: accepted, replayed, refused or failed",
        &["outcome"],
    ) of CommandOutcome::WORDS;
    USE_CASE_SECONDS: HistogramVec(
        "daybook_use_case_seconds",
        "Time until a command was answered, by its use case and by how it ended: accepted, replayed, refused or failed",
        &["use_case", "outcome"],
        buckets(0.001, 2.0, 12),
    );
    SECONDS: CounterVec(
        "daybook_committer_seconds_total",
        "Seconds that the committer was deciding, flushing (a batch is with the database), or waiting (for commands, or for \
         streams and earlier answers to be read)",
        &["doing"],
    ) of Doing::WORDS;
    REDECIDED: IntCounter(
        "daybook_committer_redecided_batches_total",
        "Batches decided again under the append lock, because a stream had moved or a key was known",
    );
    UNKNOWN: IntCounter(
        "daybook_committer_unknown_outcomes_total",
        "Appends whose connection was lost before their answer came",
    );
    STREAMS_LOADED: IntCounter(
        "daybook_committer_streams_loaded_total",
        "Streams that were not in the working set and were read from the log",
    );
    KEYS_LOOKED_UP: IntCounter(
        "daybook_committer_keys_looked_up_total",
        "Idempotency keys that were looked up before their command was decided, because it might be a repeat",
    );
    WORKING_SET_BYTES: IntGauge(
        "daybook_committer_working_set_bytes",
        "About what the states of streams in use keep in memory",
    );
    EVENTS_LOADED: IntCounter(
        "daybook_committer_events_loaded_total",
        "Events that were read and folded for those streams; what a snapshot spares is not read",
    );
    SNAPSHOTS: IntCounterVec(
        "daybook_committer_snapshots_total",
        "Snapshots by what became of them: written, used, undecodable (its stream was folded from the beginning), or lost (not written: a later one will be)",
        &["outcome"],
    ) of SnapshotOutcome::WORDS;
}
