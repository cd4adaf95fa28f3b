//! What is counted and measured here. Names are public: dashboards and alarms use them.

use std::sync::LazyLock;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    exponential_buckets, register_gauge, register_gauge_vec, register_histogram, register_histogram_vec,
    register_int_counter, register_int_counter_vec, register_int_gauge, register_int_gauge_vec,
};

macro_rules! metrics {
    ($($name:ident: $type:ty = $register:ident($($argument:expr),+);)+) => {
        $(pub(crate) static $name: LazyLock<$type> =
            LazyLock::new(|| $register!($($argument),+).expect("each metric is registered once"));)+
    };
}

metrics! {
    HEAD: IntGauge = register_int_gauge("daybook_log_head_position", "Last position of the log that was seen.");
    PANICS: IntCounterVec =
        register_int_counter_vec("daybook_task_panics_total", "Panics of background tasks.", &["task"]);

    RELAY_PUBLISHED: IntCounter =
        register_int_counter("daybook_relay_published_total", "Events that JetStream acknowledged.");
    RELAY_POSITION: IntGauge =
        register_int_gauge("daybook_relay_position", "Last position that JetStream acknowledged.");
    RELAY_LAG: IntGauge = register_int_gauge("daybook_relay_lag_events", "Events not yet in JetStream.");
    RELAY_FAILURES: IntCounter =
        register_int_counter("daybook_relay_failures_total", "Times that the relay had to start over.");
    RELAY_UP: IntGauge = register_int_gauge("daybook_relay_up", "1 while this process relays.");
    PUBLISHER_PUBLISHED: IntCounter = register_int_counter(
        "daybook_publisher_published_total", "Public events that JetStream acknowledged.");
    PUBLISHER_POSITION: IntGauge = register_int_gauge(
        "daybook_publisher_position", "Last position whose public event JetStream acknowledged.");
    PUBLISHER_LAG: IntGauge =
        register_int_gauge("daybook_publisher_lag_events", "Public events not yet in JetStream.");
    PUBLISHER_FAILURES: IntCounter = register_int_counter(
        "daybook_publisher_failures_total", "Times that the publisher had to start over.");
    PUBLISHER_UP: IntGauge =
        register_int_gauge("daybook_publisher_up", "1 while this process publishes public events.");
    POOL_CONNECTIONS: IntGaugeVec = register_int_gauge_vec(
        "daybook_downstream_pool_connections", "Database connections of what is downstream: open, idle.", &["state"]);
    FEED_UP: IntGauge = register_int_gauge("daybook_feed_up", "1 while events arrive by JetStream.");
    FEED_FAILURES: IntCounter =
        register_int_counter("daybook_feed_failures_total", "Times that the feed had to be attached again.");

    PROJECTION_LAG_EVENTS: IntGaugeVec = register_int_gauge_vec(
        "daybook_projection_lag_events", "Events that the generation in service has not applied.", &["projection"]);
    PROJECTION_LAG_SECONDS: GaugeVec = register_gauge_vec(
        "daybook_projection_lag_seconds", "Age of the oldest event that is not applied.", &["projection"]);
    PROJECTION_STATE: IntGaugeVec = register_int_gauge_vec(
        "daybook_projection_state", "1 for the state that the projection is in.", &["projection", "state"]);
    APPLIED: IntCounterVec = register_int_counter_vec(
        "daybook_projection_applied_total", "Events applied by this process.", &["projection", "source"]);
    PROVED_POSITION: IntGaugeVec = register_int_gauge_vec(
        "daybook_projection_proved_position", "Up to here exactly the log's events are known to be applied.",
        &["projection"]);
    AUDITED_ROWS: IntCounterVec = register_int_counter_vec(
        "daybook_audited_rows_total", "Rows that were compared with the log.", &["projection"]);
    AUDIT_FINDINGS: IntCounterVec = register_int_counter_vec(
        "daybook_audit_findings_total", "Differences from the log that were found: events, rows, sums.",
        &["projection", "what"]);
    PARKED: IntCounterVec = register_int_counter_vec(
        "daybook_projection_stopped_total", "Times that a projection was parked or found diverged.",
        &["projection", "state"]);
    BATCH_EVENTS: HistogramVec = register_histogram_vec(
        "daybook_projection_batch_events", "Events applied in one transaction.", &["projection"],
        exponential_buckets(1.0, 4.0, 7).expect("a positive start"));
    BATCH_SECONDS: HistogramVec = register_histogram_vec(
        "daybook_projection_batch_seconds", "Time to apply one batch.", &["projection"],
        exponential_buckets(0.000_5, 2.0, 14).expect("a positive start"));

    REBUILD_PHASE_SECONDS: GaugeVec = register_gauge_vec(
        "daybook_rebuild_phase_seconds",
        "Time that each part of the last rebuild took: load, catch_up, verify, swap, and index, which goes beside verify.",
        &["projection", "phase"]);

    CACHE_HITS: IntCounterVec =
        register_int_counter_vec("daybook_cache_hits_total", "Answers given from the cache.", &["model"]);
    CACHE_MISSES: IntCounterVec =
        register_int_counter_vec("daybook_cache_misses_total", "Answers that had to be made.", &["model"]);
    CACHE_ENTRIES: IntGauge = register_int_gauge("daybook_cache_entries", "Answers in the cache.");
    CACHE_BYTES: IntGauge = register_int_gauge("daybook_cache_bytes", "Size of the answers in the cache.");

    EFFECTS: IntCounterVec = register_int_counter_vec(
        "daybook_effects_total", "Tries to perform an effect.", &["kind", "outcome"]);
    EFFECT_SECONDS: Histogram = register_histogram(
        "daybook_effect_seconds", "Time that one try took.",
        exponential_buckets(0.001, 4.0, 9).expect("a positive start"));
    EFFECTS_PENDING: IntGauge = register_int_gauge("daybook_effects_pending", "Effects that wait to be performed.");
    EFFECTS_OLDEST: Gauge = register_gauge(
        "daybook_effects_oldest_pending_seconds", "Age of the oldest effect that waits.");
    DEAD_LETTERS: IntGauge = register_int_gauge("daybook_dead_letters", "Dead letters that nobody resolved.");
}
