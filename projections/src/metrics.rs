//! What is counted and measured here. Names are public: dashboards and alarms use them.

use daybook_migrations::{metrics, metrics::buckets};

metrics! {
    HEAD: IntGauge("daybook_log_head_position", "Last position of the log that was seen.");
    PANICS: IntCounterVec("daybook_task_panics_total", "Panics of background tasks.", &["task"]);

    RELAY_PUBLISHED: IntCounter("daybook_relay_published_total", "Events that JetStream acknowledged.");
    RELAY_POSITION: IntGauge("daybook_relay_position", "Last position that JetStream acknowledged.");
    RELAY_LAG: IntGauge("daybook_relay_lag_events", "Events not yet in JetStream.");
    RELAY_FAILURES: IntCounter("daybook_relay_failures_total", "Times that the relay had to start over.");
    RELAY_UP: IntGauge("daybook_relay_up", "1 while this process relays.");
    PUBLISHER_PUBLISHED: IntCounter(
        "daybook_publisher_published_total", "Public events that JetStream acknowledged.");
    PUBLISHER_POSITION: IntGauge(
        "daybook_publisher_position", "Last position whose public event JetStream acknowledged.");
    PUBLISHER_LAG: IntGauge("daybook_publisher_lag_events", "Public events not yet in JetStream.");
    PUBLISHER_FAILURES: IntCounter(
        "daybook_publisher_failures_total", "Times that the publisher had to start over.");
    PUBLISHER_UP: IntGauge("daybook_publisher_up", "1 while this process publishes public events.");
    ANALYTICS_POSITION: IntGauge(
        "daybook_analytics_position", "Last position in the table that analysts ask.");
    ANALYTICS_LAG: IntGauge("daybook_analytics_lag_events", "Public events not yet in that table.");
    ANALYTICS_FAILURES: IntCounter(
        "daybook_analytics_failures_total", "Times that writing the table for analysts had to start over.");
    ANALYTICS_UP: IntGauge("daybook_analytics_up", "1 while this process writes the table for analysts.");
    MIRROR_APPENDED: IntCounter(
        "daybook_mirror_appended_total", "Public events that the other system acknowledged.");
    MIRROR_POSITION: IntGauge(
        "daybook_mirror_position", "Up to here the other system has acknowledged every public event.");
    MIRROR_LAG: IntGauge("daybook_mirror_lag_events", "Public events not yet in the other system.");
    MIRROR_FAILURES: IntCounter("daybook_mirror_failures_total", "Times that the mirror had to start over.");
    MIRROR_UP: IntGauge("daybook_mirror_up", "1 while this process mirrors public events.");
    MIRROR_DIVERGED: IntGauge(
        "daybook_mirror_diverged", "1 while the other system has something else than the log.");
    POOL_CONNECTIONS: IntGaugeVec(
        "daybook_downstream_pool_connections", "Database connections of what is downstream: open, idle (which are open, too), max (which may be open).", &["state"]);
    FEED_UP: IntGauge("daybook_feed_up", "1 while events arrive by JetStream.");
    FEED_FAILURES: IntCounter("daybook_feed_failures_total", "Times that the feed had to be attached again.");

    PROJECTION_LAG_EVENTS: IntGaugeVec(
        "daybook_projection_lag_events", "Events that the generation in service has not applied.", &["projection"]);
    PROJECTION_LAG_SECONDS: GaugeVec(
        "daybook_projection_lag_seconds", "Age of the oldest event that is not applied.", &["projection"]);
    PROJECTION_STATE: IntGaugeVec(
        "daybook_projection_state", "1 for the state that the projection is in.", &["projection", "state"]);
    APPLIED: IntCounterVec(
        "daybook_projection_applied_total", "Events applied by this process.", &["projection", "source"]);
    PROVED_POSITION: IntGaugeVec(
        "daybook_projection_proved_position", "Up to here exactly the log's events are known to be applied.",
        &["projection"]);
    AUDITED_ROWS: IntCounterVec(
        "daybook_audited_rows_total", "Rows that were compared with the log.", &["projection"]);
    AUDIT_FINDINGS: IntCounterVec(
        "daybook_audit_findings_total", "Differences from the log that were found: events, rows, sums.",
        &["projection", "what"]);
    PARKED: IntCounterVec(
        "daybook_projection_stopped_total", "Times that a projection was parked or found diverged.",
        &["projection", "state"]);
    BATCH_EVENTS: HistogramVec(
        "daybook_projection_batch_events", "Events applied in one transaction.", &["projection"],
        buckets(1.0, 4.0, 7));
    BATCH_SECONDS: HistogramVec(
        "daybook_projection_batch_seconds", "Time to apply one batch.", &["projection"],
        buckets(0.000_5, 2.0, 14));

    REBUILD_PHASE_SECONDS: GaugeVec(
        "daybook_rebuild_phase_seconds",
        "Time that each part of the last rebuild took: load, catch_up, verify, swap, and index, which goes beside verify.",
        &["projection", "phase"]);

    CACHE_HITS: IntCounterVec("daybook_cache_hits_total", "Answers given from the cache.", &["model"]);
    CACHE_MISSES: IntCounterVec("daybook_cache_misses_total", "Answers that had to be made.", &["model"]);
    CACHE_ENTRIES: IntGauge("daybook_cache_entries", "Answers in the cache.");
    CACHE_BYTES: IntGauge("daybook_cache_bytes", "Size of the answers in the cache.");

    EFFECTS: IntCounterVec(
        "daybook_effects_total", "Tries to perform an effect.", &["kind", "outcome"]);
    EFFECT_SECONDS: Histogram(
        "daybook_effect_seconds", "Time that one try took.",
        buckets(0.001, 4.0, 9));
    EFFECTS_PENDING: IntGauge(
        "daybook_effects_pending", "Effects that should have been done by now: those of all lanes together.");
    EFFECTS_OLDEST: Gauge(
        "daybook_effects_oldest_pending_seconds", "For how long the oldest of them has been due, or has failed.");
    EFFECTS_DUE: IntGaugeVec(
        "daybook_effects_due", "Effects that should have been done by now: due, or failed and to be tried again.",
        &["lane"]);
    EFFECTS_OLDEST_DUE: GaugeVec(
        "daybook_effects_oldest_due_seconds",
        "For how long the oldest of them has been due, or has failed.", &["lane"]);
    DEAD_LETTERS: IntGauge("daybook_dead_letters", "Dead letters that nobody resolved.");

    NATS_CONNECTED: IntGauge("daybook_nats_connected", "1 while this process is connected to NATS.");
    NATS_CONNECTIONS: IntCounter(
        "daybook_nats_connections_total", "Times that this process connected to NATS, the first time included.");
    STREAM_BYTES: IntGaugeVec("daybook_stream_bytes", "Size of a stream of JetStream.", &["stream"]);
    STREAM_MESSAGES: IntGaugeVec("daybook_stream_messages", "Messages in a stream of JetStream.", &["stream"]);
    STREAM_MAX_BYTES: IntGaugeVec(
        "daybook_stream_max_bytes", "The size up to which a stream of JetStream keeps messages, if it has one.",
        &["stream"]);
    DATABASE_BYTES: IntGauge("daybook_database_bytes", "Size of the database.");
    TABLE_BYTES: IntGaugeVec(
        "daybook_table_bytes", "Size of a table without its indexes, and of its indexes; the largest tables.",
        &["table", "part"]);
}
