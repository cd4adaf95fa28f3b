//! What is counted of the door.

use daybook_migrations::metrics;

metrics! {
    CALLS: IntCounterVec("daybook_door_calls_total", "Calls by method and code", &["method", "code"]);
    CONNECTIONS: IntGauge("daybook_door_connections", "Connections that are open");
}
