//! What is counted at the edge.

use daybook_domain::words;
use daybook_migrations::metrics;

words! {
    /// Why a request was turned away before it was looked at.
    pub enum TurnedAway {
        Overloaded = "overloaded",
        RateLimited = "rate_limited",
        Draining = "draining",
    }
}

impl TurnedAway {
    pub fn count(self) {
        TURNED_AWAY.with_label_values(&[self.as_str()]).inc();
    }
}

metrics! {
    /// The time from when a request's head was read until its answer was ready, by route, method and status.
    REQUEST_SECONDS: HistogramVec(
        "daybook_http_request_seconds",
        "Requests by route, method and status",
        &["route", "method", "status"],
        vec![0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
    );
    IN_FLIGHT: IntGauge("daybook_http_requests_in_flight", "Requests in work");
    LIVE_STREAMS: IntGauge("daybook_live_streams", "Clients that follow the log");
    LIVE_UNREAD: IntCounter(
        "daybook_live_unread_total",
        "Times that the log could not be read for a client that follows it",
    );
    TURNED_AWAY: IntCounterVec(
        "daybook_http_turned_away_total",
        "Requests turned away: overloaded, rate_limited, draining",
        &["reason"],
    );
    TOKENS_REFUSED: IntCounterVec("daybook_tokens_refused_total", "Tokens refused, by why", &["reason"]);
    REVOCATIONS_UNREAD: IntCounter(
        "daybook_revocations_unread_total",
        "Times that it could not be read which tokens were revoked",
    );
    PANICS: IntCounter("daybook_http_panics_total", "Handlers that panicked");
    /// Refusals that left no audit record, because too many came at once or the database was away.
    AUDIT_LOST: IntCounter("daybook_audit_records_lost_total", "Refusals that left no audit record");
    POOL_CONNECTIONS: IntGaugeVec(
        "daybook_pool_connections",
        "Database connections by pool and state: open, idle",
        &["pool", "state"],
    );
}

/// Notes how many connections a pool has open, and how many of them have nothing to do.
pub fn measure_pool(name: &str, pool: &sqlx::PgPool) {
    let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
    POOL_CONNECTIONS.with_label_values(&[name, "open"]).set(pool.size().into());
    POOL_CONNECTIONS.with_label_values(&[name, "idle"]).set(idle);
}
