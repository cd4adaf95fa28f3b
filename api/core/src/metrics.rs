//! What is counted at the edge.

use std::sync::LazyLock;

use daybook_domain::words;
use prometheus::{
    HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, histogram_opts, opts,
    register_histogram_vec, register_int_counter, register_int_counter_vec, register_int_gauge,
    register_int_gauge_vec,
};

/// Metrics are registered once, and each has a name of its own.
const REGISTERED: &str = "a metric is registered once";

/// The time from when a request's head was read until its answer was ready, by route, method and status.
pub static REQUEST_SECONDS: LazyLock<HistogramVec> = LazyLock::new(|| {
    let buckets =
        vec![0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    let options =
        histogram_opts!("daybook_http_request_seconds", "Requests by route, method and status", buckets);
    register_histogram_vec!(options, &["route", "method", "status"]).expect(REGISTERED)
});

pub static IN_FLIGHT: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!(opts!("daybook_http_requests_in_flight", "Requests in work")).expect(REGISTERED)
});

pub static LIVE_STREAMS: LazyLock<IntGauge> = LazyLock::new(|| {
    register_int_gauge!(opts!("daybook_live_streams", "Clients that follow the log")).expect(REGISTERED)
});

pub static LIVE_UNREAD: LazyLock<IntCounter> = LazyLock::new(|| {
    let options = opts!(
        "daybook_live_unread_total",
        "Times that the log could not be read for a client that follows it"
    );
    register_int_counter!(options).expect(REGISTERED)
});

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

static TURNED_AWAY: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options =
        opts!("daybook_http_turned_away_total", "Requests turned away: overloaded, rate_limited, draining");
    register_int_counter_vec!(options, &["reason"]).expect(REGISTERED)
});

pub static TOKENS_REFUSED: LazyLock<IntCounterVec> = LazyLock::new(|| {
    let options = opts!("daybook_tokens_refused_total", "Tokens refused, by why");
    register_int_counter_vec!(options, &["reason"]).expect(REGISTERED)
});

pub static REVOCATIONS_UNREAD: LazyLock<IntCounter> = LazyLock::new(|| {
    let options = opts!(
        "daybook_revocations_unread_total",
        "Times that it could not be read which tokens were revoked"
    );
    register_int_counter!(options).expect(REGISTERED)
});

pub static PANICS: LazyLock<IntCounter> = LazyLock::new(|| {
    register_int_counter!(opts!("daybook_http_panics_total", "Handlers that panicked")).expect(REGISTERED)
});

/// Refusals that left no audit record, because too many came at once or the database was away.
pub static AUDIT_LOST: LazyLock<IntCounter> = LazyLock::new(|| {
    let options = opts!("daybook_audit_records_lost_total", "Refusals that left no audit record");
    register_int_counter!(options).expect(REGISTERED)
});

pub static POOL_CONNECTIONS: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    let options = opts!("daybook_pool_connections", "Database connections by pool and state: open, idle");
    register_int_gauge_vec!(options, &["pool", "state"]).expect(REGISTERED)
});

/// Notes how many connections a pool has open, and how many of them have nothing to do.
pub fn measure_pool(name: &str, pool: &sqlx::PgPool) {
    let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
    POOL_CONNECTIONS.with_label_values(&[name, "open"]).set(pool.size().into());
    POOL_CONNECTIONS.with_label_values(&[name, "idle"]).set(idle);
}
