use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp};
use serde_json::{Value, json};

pub fn order(lines: &[(&str, i64)]) -> Value {
    let lines: Vec<Value> =
        lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    json!({ "lines": lines, "currency": "EUR" })
}

pub async fn place(client: &Client, body: Value) -> String {
    let placed = client.post("/v1/orders", body).await.expect(201);
    let id = placed.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(placed.header("location"), Some(format!("/v1/orders/{id}").as_str()));
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_orders_and_sees_it_arrive() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.sell("CUP-1", 450, 100).await;
    let alice = app.customer("alice");
    let mut body = order(&[("TEA-1", 2), ("CUP-1", 1), ("TEA-1", 3)]);
    body["contact"] = json!({"name": "Alice Ærø", "email": "alice@example.com"});
    body["ship_to"] = json!({"name": "Alice", "street": "1 Road", "city": "Town", "country": "DE"});
    body["metadata"] = json!({"channel": "web"});
    body["external_id"] = json!("web-1");
    let placed = alice.post("/v1/orders", body).await.expect(201);
    let receipt = placed.json();
    assert!(receipt["id"].as_str().unwrap().starts_with("ord_"));
    assert_eq!(receipt["total"], json!({"amount": 5 * 1999 + 450, "currency": "EUR"}));
    assert_eq!(receipt["lines"].as_array().unwrap().len(), 3);
    let path = format!("/v1/orders/{}", receipt["id"].as_str().unwrap());

    let shown = alice.get(&path).await.expect(200);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    let shown = shown.json();
    assert_eq!(shown["status"], "placed");
    assert_eq!(shown["customer"], "alice");
    assert_eq!(shown["contact"], json!({"name": "Alice Ærø", "email": "alice@example.com"}));
    assert_eq!(shown["ship_to"]["city"], "Town");
    assert_eq!(shown["lines"][2]["quantity"], 3);
    assert_eq!(shown["lines"][2]["total"]["amount"], 3 * 1999);
    assert_eq!(shown["total"], receipt["total"]);

    let support = app.by(Role::Support);
    let warehouse = app.by(Role::Warehouse);
    support.post(&format!("{path}/confirmation"), json!({})).await.expect(200);
    let part = json!({"lines": [{"sku": "TEA-1", "quantity": 4}], "tracking": "1Z-1"});
    let shipped = warehouse.post(&format!("{path}/shipments"), part).await.expect(200);
    assert_eq!(shipped.json()["status"], "partly_shipped");
    let too_soon = warehouse.post(&format!("{path}/delivery"), json!({})).await;
    assert_eq!(too_soon.refusal(), "422 order_not_deliverable");
    let too_late = alice.post(&format!("{path}/cancellation"), json!({})).await;
    assert_eq!(too_late.refusal(), "422 order_not_cancellable");
    let too_much = json!({"lines": [{"sku": "TEA-1", "quantity": 2}]});
    let refused = warehouse.post(&format!("{path}/shipments"), too_much).await;
    assert!(refused.refusal().starts_with("422 shipment_exceeds_order"), "{}", refused.text());
    warehouse.post(&format!("{path}/shipments"), json!({"tracking": "1Z-2"})).await.expect(200);
    warehouse.post(&format!("{path}/delivery"), json!({})).await.expect(200);

    let shown = alice.get(&path).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["tracking"]), (&json!("delivered"), &json!(["1Z-1", "1Z-2"])));
    assert_eq!(shown["lines"][0]["shipped"], 2);
    let history = alice.get(&format!("{path}/history")).await.expect(200).json();
    let what: Vec<&str> =
        history["data"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["OrderPlaced", "OrderConfirmed", "OrderShipped", "OrderShipped", "OrderDelivered"]);
    let who = |history: &Value| {
        let changes = history["data"].as_array().unwrap().clone();
        changes.iter().map(|change| change["who"].clone()).collect::<Vec<_>>()
    };
    // A customer isn't told who works there.
    let nobody = Value::Null;
    assert_eq!(who(&history), [json!("alice"), nobody.clone(), nobody.clone(), nobody.clone(), nobody]);
    let of_staff = support.get(&format!("{path}/history")).await.expect(200).json();
    assert_eq!(
        who(&of_staff),
        ["alice", "support", "warehouse", "warehouse", "warehouse"].map(|who| json!(who))
    );
    assert!(!history.to_string().contains("alice@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_cancelled_gives_its_stock_back() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 5).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 5)])).await;
    let short = app.customer("bob").post("/v1/orders", order(&[("TEA-1", 1)])).await;
    assert_eq!(short.refusal(), "422 insufficient_stock /lines/0 insufficient_stock");
    let cancellation = format!("/v1/orders/{id}/cancellation");
    alice.post(&cancellation, json!({"reason": "changed my mind"})).await.expect(200);
    alice.post(&cancellation, json!({})).await.expect(200);
    place(&app.customer("bob"), order(&[("TEA-1", 5)])).await;
    let shown = alice.get(&format!("/v1/orders/{id}")).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["cancel_reason"]), (&json!("cancelled"), &json!("changed my mind")));
    let history = alice.get(&format!("/v1/orders/{id}/history")).await.expect(200).json();
    assert_eq!(history["data"][1]["why"], "changed my mind");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sold_is_refused_by_line() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 5).await;
    let merchandiser = app.by(Role::Merchandiser);
    let draft = json!({"sku": "DRAFT", "name": "Draft", "price": {"amount": 1, "currency": "EUR"}});
    merchandiser.post("/v1/products", draft).await.expect(201);
    let alice = app.customer("alice");
    for (lines, expected) in [
        (vec![("TEA-1", 1), ("NOTHING", 1)], "422 product_not_found /lines/1 product_not_found"),
        (vec![("TEA-1", 1), ("DRAFT", 1)], "422 product_not_found /lines/1 product_not_found"),
        (vec![("TEA-1", 3), ("TEA-1", 3)], "422 insufficient_stock /lines/0 insufficient_stock"),
    ] {
        assert_eq!(alice.post("/v1/orders", order(&lines)).await.refusal(), expected);
    }
    let by_admin = app.by(Role::Admin).post("/v1/orders", order(&[("DRAFT", 1)])).await;
    assert_eq!(by_admin.refusal(), "422 product_not_published /lines/0 product_not_published");
    let mut dollars = order(&[("TEA-1", 1)]);
    dollars["currency"] = json!("USD");
    let refused = alice.post("/v1/orders", dollars).await;
    assert_eq!(refused.refusal(), "422 price_not_available /lines/0 price_not_available");
    assert_eq!(app.by(Role::Warehouse).get("/v1/stock/TEA-1").await.json()["held"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn support_orders_for_others_and_agrees_on_prices() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 50).await;
    let mut agreed = order(&[("TEA-1", 1)]);
    agreed["lines"][0]["unit_price"] = json!({"amount": 1500, "currency": "EUR"});
    agreed["override_reason"] = json!("damaged box");
    assert_eq!(app.customer("alice").post("/v1/orders", agreed.clone()).await.refusal(), "403 forbidden");
    let mut for_alice = order(&[("TEA-1", 1)]);
    for_alice["customer"] = json!("alice");
    assert_eq!(app.customer("bob").post("/v1/orders", for_alice.clone()).await.refusal(), "403 forbidden");

    agreed["customer"] = json!("alice");
    let id = place(&app.by(Role::Support), agreed).await;
    let shown = app.customer("alice").get(&format!("/v1/orders/{id}")).await.expect(200).json();
    assert_eq!(shown["total"]["amount"], 1500);
    assert_eq!(shown["lines"][0]["list_price"]["amount"], 1999);
    assert_eq!(shown["override_reason"], Value::Null);
    let of_staff = app.by(Role::Support).get(&format!("/v1/orders/{id}")).await.expect(200).json();
    assert_eq!(of_staff["override_reason"], "damaged box");

    // Another price needs a word why, also where it is the catalogue's.
    for price in [1500, 1999, 0] {
        let mut silent = order(&[("TEA-1", 1), ("TEA-1", 1)]);
        silent["lines"][1]["unit_price"] = json!({"amount": price, "currency": "EUR"});
        let refused = app.by(Role::Support).post("/v1/orders", silent.clone()).await;
        assert_eq!(refused.refusal(), "422 validation_failed /override_reason validation_failed");
        silent["override_reason"] = json!(null);
        let refused = app.by(Role::Support).post("/v1/orders", silent.clone()).await;
        assert_eq!(refused.refusal(), "422 validation_failed /override_reason validation_failed");
        assert_eq!(app.customer("alice").post("/v1/orders", silent).await.refusal(), "403 forbidden");
    }

    // A guest's: only support may see it.
    let guest = place(&app.by(Role::Support), order(&[("TEA-1", 1)])).await;
    app.by(Role::Support).get(&format!("/v1/orders/{guest}")).await.expect(200);
    app.customer("alice").get(&format!("/v1/orders/{guest}")).await.expect(404);
    app.customer("support").get(&format!("/v1/orders/{guest}")).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_listed_newest_first_by_status_and_customer() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 50).await;
    let (alice, bob, support) = (app.customer("alice"), app.customer("bob"), app.by(Role::Support));
    let first = place(&alice, order(&[("TEA-1", 1)])).await;
    let bobs = place(&bob, order(&[("TEA-1", 1)])).await;
    let second = place(&alice, order(&[("TEA-1", 1)])).await;
    support.post(&format!("/v1/orders/{first}/confirmation"), json!({})).await.expect(200);
    let listed = async |client: &Client, query: &str| {
        let page = client.get(&format!("/v1/orders{query}")).await.expect(200).json();
        let ids =
            page["data"].as_array().unwrap().iter().map(|order| order["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(listed(&support, "").await, [second.as_str(), &bobs, &first]);
    assert_eq!(listed(&support, "?customer=alice").await, [second.as_str(), &first]);
    assert_eq!(listed(&support, "?status=confirmed").await, [first.as_str()]);
    assert_eq!(listed(&support, "?status=placed&customer=bob").await, [bobs.as_str()]);
    assert_eq!(listed(&alice, "").await, [second.as_str(), &first]);
    assert_eq!(listed(&alice, "?customer=alice&status=placed").await, [second.as_str()]);
    assert_eq!(alice.get("/v1/orders?customer=bob").await.refusal(), "403 forbidden");
    assert_eq!(listed(&app.customer("carol"), "").await, Vec::<String>::new());
}
