//! Refusals in the audit: each of them, and of very many how many there were.

use daybook_tests::{TestApp, until};
use serde_json::json;

const NOTED: &str = "SELECT count(*) FROM audit WHERE outcome = 'forbidden' AND actor = 'mallory'";

/// Catches: a caller who fills the disk with what they may not do, and one whose tries nobody can count.
#[tokio::test(flavor = "multi_thread")]
async fn of_very_many_refusals_in_a_minute_the_number_is_kept() {
    let mut app = TestApp::start_with(|config| config.rates.audited_refusals_per_minute = 3).await;
    let mallory = app.customer("mallory");
    for _ in 0..10 {
        let refused = mallory.post("/v1/stock/TEA-1/receipts", json!({"quantity": 1})).await;
        assert_eq!(refused.refusal(), "403 forbidden");
    }
    let bob = app.customer("bob").post("/v1/stock/TEA-1/receipts", json!({"quantity": 1})).await;
    assert_eq!(bob.refusal(), "403 forbidden");
    let bobs = "SELECT count(*) FROM audit WHERE outcome = 'forbidden' AND actor = 'bob'";
    until("bob's is noted", async || app.database.count(bobs).await == 1).await;
    assert_eq!(app.database.count(NOTED).await, 3);
    // The minute is cut short where the process ends.
    app.stop().await;
    let more = format!("{NOTED} AND reason LIKE 'and 7 more in a minute%' AND target LIKE '%/receipts'");
    assert_eq!((app.database.count(NOTED).await, app.database.count(&more).await), (4, 1));
}
