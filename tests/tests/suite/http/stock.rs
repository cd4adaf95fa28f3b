use daybook_domain::policy::Role;
use daybook_tests::TestApp;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn stock_is_received_held_allocated_and_shipped() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 0).await;
    let warehouse = app.by(Role::Warehouse);
    warehouse.get("/v1/stock/NOTHING").await.expect(404);
    let received = warehouse
        .post("/v1/stock/TEA-1/receipts", json!({"quantity": 20, "reference": "delivery note 12"}))
        .await
        .expect(200);
    assert_eq!(received.json()["available"], 20);
    assert_eq!(received.json()["sku"], "TEA-1");
    warehouse.post("/v1/stock/TEA-1/adjustments", json!({"delta": -3, "reason": "broken"})).await.expect(200);
    let counts = async || {
        let stock = warehouse.get("/v1/stock/TEA-1").await.expect(200).json();
        let count = |name: &str| stock[name].as_i64().unwrap();
        (count("on_hand"), count("held"), count("allocated"), count("available"))
    };
    assert_eq!(counts().await, (17, 0, 0, 17));
    let order = json!({"lines": [{"sku": "TEA-1", "quantity": 5}], "currency": "EUR"});
    let placed = app.customer("alice").post("/v1/orders", order).await.expect(201);
    assert_eq!(counts().await, (17, 5, 0, 12));
    let order = format!("/v1/orders/{}", placed.json()["id"].as_str().unwrap());
    warehouse.post(&format!("{order}/confirmation"), json!({})).await.expect(200);
    assert_eq!(counts().await, (17, 0, 5, 12));
    let part = json!({"lines": [{"sku": "TEA-1", "quantity": 2}], "tracking": "1Z"});
    warehouse.post(&format!("{order}/shipments"), part).await.expect(200);
    assert_eq!(counts().await, (15, 0, 3, 12));
    let too_much = json!({"delta": -13, "reason": "lost"});
    let refused = warehouse.post("/v1/stock/TEA-1/adjustments", too_much).await;
    assert_eq!(refused.refusal(), "422 insufficient_stock");
    let nothing = warehouse.post("/v1/stock/TEA-1/adjustments", json!({"delta": 0, "reason": "x"})).await;
    assert_eq!(nothing.refusal(), "422 nothing_to_adjust");
    let unknown = warehouse.post("/v1/stock/NOTHING/receipts", json!({"quantity": 1})).await;
    assert_eq!(unknown.refusal(), "404 not_found");
}
