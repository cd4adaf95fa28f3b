//! The warehouse reads what it ships: orders that are confirmed or further.

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp};
use serde_json::{Value, json};

use super::orders::{order, place};

async fn listed(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("/v1/orders{query}")).await.expect(200).json();
    let orders = page["data"].as_array().unwrap().clone();
    orders.iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect()
}

fn order_to(name: &str) -> Value {
    let mut body = order(&[("TEA-1", 2)]);
    body["contact"] = json!({"name": name, "email": "alice@example.com"});
    body["ship_to"] = json!({"name": "Alice", "street": "1 Road", "city": "Town", "country": "DE"});
    body
}

/// Catches: a warehouse that ships what it can't read, and one that reads all.
#[tokio::test(flavor = "multi_thread")]
async fn it_reads_orders_that_are_confirmed_or_further() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (alice, warehouse) = (app.customer("alice"), app.by(Role::Warehouse));
    let id = place(&alice, order_to("Alice")).await;
    let cancelled = place(&app.customer("bob"), order_to("Bob")).await;
    let path = format!("/v1/orders/{id}");
    let placed_at = alice.get(&path).await.expect(200).position();
    let then = format!("{path}?as_of_position={placed_at}");
    let history = format!("{path}/history");
    for hidden in [&path, &then, &history] {
        assert_eq!(warehouse.get(hidden).await.refusal(), "404 not_found", "{hidden}");
    }
    assert_eq!(listed(&warehouse, "").await, [""; 0]);
    assert_eq!(listed(&warehouse, "?status=placed").await, [""; 0]);

    for (action, status) in
        [("confirmation", "confirmed"), ("shipments", "shipped"), ("delivery", "delivered")]
    {
        warehouse.post(&format!("{path}/{action}"), json!({})).await.expect(200);
        let shown = warehouse.get(&path).await.expect(200);
        assert_eq!(shown.header("cache-control"), Some("no-store"));
        let shown = shown.json();
        assert_eq!((&shown["status"], &shown["lines"][0]["quantity"]), (&json!(status), &json!(2)));
        // The parcel's address is shown, and no e-mail address.
        assert_eq!((&shown["ship_to"]["city"], &shown["contact"]), (&json!("Town"), &Value::Null));
        // The right of today shows the past.
        let before = warehouse.get(&then).await.expect(200).json();
        assert_eq!((&before["status"], &before["contact"]), (&json!("placed"), &Value::Null));
        assert!(!warehouse.get(&history).await.expect(200).text().contains("alice@example.com"));
        for query in ["", "?customer=alice", &format!("?status={status}")] {
            assert_eq!(listed(&warehouse, query).await, [id.as_str()], "{query}");
        }
        assert_eq!(listed(&warehouse, "?customer=bob").await, [""; 0]);
        assert_eq!(listed(&warehouse, "?status=placed").await, [""; 0]);
        // What is kept for one audience is not for another.
        assert_eq!(alice.get(&path).await.expect(200).json()["contact"]["name"], "Alice");
        assert_eq!(app.customer("eve").get(&path).await.refusal(), "404 not_found");
    }
    app.customer("bob").post(&format!("/v1/orders/{cancelled}/cancellation"), json!({})).await.expect(200);
    assert_eq!(warehouse.get(&format!("/v1/orders/{cancelled}")).await.refusal(), "404 not_found");
    assert_eq!(app.by(Role::Support).get(&path).await.expect(200).json()["contact"]["name"], "Alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_works_there_and_orders_there_is_shown_both() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let wim = app.anonymous.with_token(app.token("wim", &[Role::Warehouse, Role::Customer]));
    let own = place(&wim, order_to("Wim")).await;
    let others = place(&app.customer("alice"), order_to("Alice")).await;
    let placed = wim.get(&format!("/v1/orders/{own}")).await.expect(200).json();
    assert_eq!((&placed["status"], &placed["contact"]["name"]), (&json!("placed"), &json!("Wim")));
    wim.get(&format!("/v1/orders/{own}/history")).await.expect(200);
    assert_eq!(wim.get(&format!("/v1/orders/{others}")).await.refusal(), "404 not_found");
    assert_eq!(listed(&wim, "?customer=wim").await, [own.as_str()]);
    wim.post(&format!("/v1/orders/{others}/confirmation"), json!({})).await.expect(200);
    assert_eq!(listed(&wim, "").await, [others.as_str()]);
    assert_eq!(wim.get(&format!("/v1/orders/{others}")).await.expect(200).json()["contact"], Value::Null);
}
