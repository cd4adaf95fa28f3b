//! What is counted of GraphQL.

use daybook_migrations::metrics;

metrics! {
    FIELDS: IntCounterVec(
        "daybook_graphql_fields_total", "Fields of the root that were asked for, by code; answered if there is none", &["field", "code"]);
    LOOK_UPS: IntCounterVec(
        "daybook_graphql_look_ups_total", "Reads of all things of a kind that the rows of an answer name", &["kind"]);
}
