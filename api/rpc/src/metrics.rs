//! What is counted of the door.

use daybook_migrations::{metrics, metrics::buckets};

metrics! {
    CALLS: IntCounterVec("daybook_door_calls_total", "Calls by method and code", &["method", "code"]);
    CALL_SECONDS: HistogramVec(
        "daybook_door_call_seconds", "Time until a call's answer began, by method", &["method"],
        buckets(0.001, 4.0, 8));
    CONNECTIONS: IntGauge("daybook_door_connections", "Connections that are open");
    CERTIFICATE_ENDS: IntGauge(
        "daybook_door_certificate_ends_timestamp_seconds", "When the certificate of this listener ends, in Unix time");
}
