//! Lines and pieces of an order that are cancelled apart from the rest.

use daybook_domain::{feature::Feature, policy::Role};
use daybook_tests::TestApp;
use serde_json::{Value, json};

use super::orders::{order, place};

async fn shop() -> TestApp {
    let app = TestApp::start_having(&[Feature::CancelLines], |_| {}).await;
    app.sell("TEA-1", 1999, 10).await;
    app.sell("CUP-1", 450, 10).await;
    app
}

async fn stock(app: &TestApp, sku: &str) -> [Value; 3] {
    let stock = app.by(Role::Warehouse).get(&format!("/v1/stock/{sku}")).await.expect(200).json();
    ["on_hand", "held", "allocated"].map(|name| stock[name].clone())
}

/// Catches: an order whose rest can't be shipped, and which can be neither cancelled nor delivered, while stock that it
/// holds can't be adjusted.
#[tokio::test(flavor = "multi_thread")]
async fn the_rest_of_an_order_that_cannot_be_shipped_is_cancelled() {
    let app = shop().await;
    let (alice, support, warehouse) = (app.customer("alice"), app.by(Role::Support), app.by(Role::Warehouse));
    let id = place(&alice, order(&[("TEA-1", 3), ("CUP-1", 2), ("CUP-1", 4)])).await;
    let path = format!("/v1/orders/{id}");
    support.post(&format!("{path}/confirmation"), json!({})).await.expect(200);
    let part = json!({"lines": [{"sku": "TEA-1", "quantity": 2}]});
    warehouse.post(&format!("{path}/shipments"), part).await.expect(200);
    let lost = json!({"delta": -10, "reason": "a fire"});
    let adjustment = "/v1/stock/CUP-1/adjustments";
    assert_eq!(warehouse.post(adjustment, lost.clone()).await.refusal(), "422 insufficient_stock");

    let cancellation = format!("{path}/cancellation");
    assert_eq!(support.post(&cancellation, json!({})).await.refusal(), "422 order_not_cancellable");
    let cups = json!({"lines": [{"line": 1, "quantity": 2}, {"line": 2, "quantity": 4}], "reason": "a fire"});
    assert_eq!(app.customer("bob").post(&cancellation, cups.clone()).await.refusal(), "404 not_found");
    let first = support.post_keyed(&cancellation, "cups", cups.clone()).await.expect(200);
    assert_eq!(first.json()["status"], "partly_shipped");
    let again = support.post_keyed(&cancellation, "cups", cups).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
    assert_eq!(stock(&app, "CUP-1").await, [json!(10), json!(0), json!(0)]);
    warehouse.post(adjustment, lost).await.expect(200);

    let too_many = json!({"lines": [{"sku": "TEA-1", "quantity": 2}]});
    assert_eq!(alice.post(&cancellation, too_many).await.refusal(), "422 order_not_cancellable");
    let rest = json!({"lines": [{"sku": "TEA-1", "quantity": 1}]});
    let shipped = alice.post(&cancellation, rest).await.expect(200);
    assert_eq!(shipped.json()["status"], "shipped");
    assert_eq!(stock(&app, "TEA-1").await, [json!(8), json!(0), json!(0)]);
    warehouse.post(&format!("{path}/delivery"), json!({})).await.expect(200);

    let shown = alice.get(&path).await.expect(200).json();
    let of = |name: &str| [0, 1, 2].map(|line| shown["lines"][line][name].clone());
    assert_eq!(
        (of("shipped"), of("cancelled")),
        ([2, 0, 0].map(|it| json!(it)), [1, 2, 4].map(|it| json!(it)))
    );
    assert_eq!(
        (&shown["status"], &shown["total"]["amount"]),
        (&json!("delivered"), &json!(3 * 1999 + 6 * 450))
    );
    let history = support.get(&format!("{path}/history")).await.expect(200).json();
    assert_eq!(
        (&history["data"][3]["what"], &history["data"][3]["why"]),
        (&json!("OrderLinesCancelled"), &json!("a fire"))
    );
    let events = app.by(Role::Analyst).get("/v1/events?types=OrderLinesCancelled").await.expect(200).json();
    assert_eq!(events["data"][0]["payload"]["parcels"][1], json!({"line": 2, "sku": "CUP-1", "quantity": 4}));
    let day = &shown["placed_at"].as_str().unwrap()[..10];
    let sales =
        app.by(Role::Analyst).get(&format!("/v1/sales?from={day}&to={day}&by=day")).await.expect(200).json();
    let cancelled = &sales["data"][0]["cancelled"];
    assert_eq!((&cancelled["orders"], &cancelled["pieces"]), (&json!(0), &json!(7)));
    assert_eq!(cancelled["amount"], 1999 + 6 * 450);
    let log = daybook_tests::Log::check(&app.database.superuser).await;
    assert_eq!(log.orders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_says_which_lines_it_means() {
    let app = shop().await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 3), ("CUP-1", 2), ("CUP-1", 4)])).await;
    let cancellation = format!("/v1/orders/{id}/cancellation");
    for (lines, expected) in [
        (json!([]), "422 validation_failed"),
        (json!([{"quantity": 1}]), "422 validation_failed /lines/0 invalid_value"),
        (json!([{"line": 0, "sku": "TEA-1", "quantity": 1}]), "422 validation_failed /lines/0 invalid_value"),
        (json!([{"line": 3, "quantity": 1}]), "422 validation_failed"),
        (json!([{"sku": "CUP-1", "quantity": 1}]), "422 validation_failed"),
        (json!([{"line": 0, "quantity": 4}]), "422 order_not_cancellable"),
        (json!([{"line": 0, "quantity": 0}]), "422 validation_failed /lines/0/quantity invalid_value"),
    ] {
        let refused = alice.post(&cancellation, json!({ "lines": lines })).await;
        assert_eq!(refused.refusal(), expected, "{}", refused.text());
    }
    let all = json!({"lines": [{"line": 0, "quantity": 3}, {"line": 1, "quantity": 2}, {"line": 2, "quantity": 4}]});
    assert_eq!(alice.post(&cancellation, all).await.expect(200).json()["status"], "cancelled");
    assert_eq!(stock(&app, "CUP-1").await, [json!(10), json!(0), json!(0)]);
}

/// Release 0.1 can't read the event, so no process writes it beside that release.
#[tokio::test(flavor = "multi_thread")]
async fn it_is_off_unless_it_is_turned_on() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 3)])).await;
    let cancellation = format!("/v1/orders/{id}/cancellation");
    let one = json!({"lines": [{"line": 0, "quantity": 1}]});
    let refused = alice.post(&cancellation, one).await;
    assert_eq!(refused.refusal(), "422 validation_failed /lines validation_failed");
    alice.post(&cancellation, json!({"reason": "changed my mind"})).await.expect(200);
    let written = "SELECT count(*) FROM events WHERE event_type = 'OrderLinesCancelled'";
    assert_eq!(app.database.count(written).await, 0);
}
