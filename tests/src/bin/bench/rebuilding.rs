//! A rebuild as an operator asks for it, and when it is over.

use std::time::Duration;

use daybook_projections::RebuildState;
use daybook_tests::{Client, TestDatabase, until};
use serde_json::{Value, json};

/// Events of the log that is rebuilt from.
pub const EVENTS: u64 = 1_000_000;
const POLL: Duration = Duration::from_millis(10);

/// Asks for a rebuild and waits for it. How it ended.
pub async fn rebuilt(operator: &Client) -> Value {
    let asked = operator.post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    let location = asked.header("location").expect("where to look").to_owned();
    until_done(operator, &location).await
}

pub async fn until_done(operator: &Client, location: &str) -> Value {
    loop {
        let state = operator.get(location).await.expect(200).json();
        let shown: RebuildState = serde_json::from_value(state["state"].clone()).expect("a state");
        if !shown.is_live() {
            assert_eq!(shown, RebuildState::Done, "{state}");
            return state;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The other read models, and the generations of this one, have come to the head of the log.
pub async fn until_quiet(database: &TestDatabase) {
    let behind = "SELECT coalesce(sum(greatest(0, head - position)), 0)::bigint
                    FROM checkpoints, (SELECT max(position) AS head FROM events) e";
    let mut left = i64::MAX;
    while left > 0 {
        until("what is downstream comes on", async || database.count(behind).await < left).await;
        left = database.count(behind).await;
    }
}
