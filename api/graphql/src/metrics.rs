//! What is counted of GraphQL.

use daybook_migrations::{metrics, metrics::buckets};

metrics! {
    FIELDS: IntCounterVec(
        "daybook_graphql_fields_total", "Fields of the root that were asked for, by code; answered if there is none", &["field", "code"]);
    FIELD_SECONDS: HistogramVec(
        "daybook_graphql_field_seconds", "Time to answer a field of the root", &["field"],
        buckets(0.001, 4.0, 8));
    LOOK_UPS: IntCounterVec(
        "daybook_graphql_look_ups_total", "Reads of all things of a kind that the rows of an answer name", &["kind"]);
}
