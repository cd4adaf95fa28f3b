//! What is counted of HTTP.

use daybook_migrations::metrics;

metrics! {
    /// The time from when a request's head was read until its answer was ready, by route, method and status.
    REQUEST_SECONDS: HistogramVec(
        "daybook_http_request_seconds",
        "Requests by route, method and status",
        &["route", "method", "status"],
        vec![0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
    );
    PANICS: IntCounter("daybook_http_panics_total", "Handlers that panicked");
}
