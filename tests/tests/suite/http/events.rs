//! The log as analysts and customers read it.

use daybook_domain::policy::Role;
use daybook_tests::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

use super::orders::{order, place};

async fn shop() -> TestApp {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let mut with_contact = order(&[("TEA-1", 2)]);
    with_contact["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    let id = place(&app.customer("alice"), with_contact).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    app
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

const ALL: [&str; 7] = [
    "ProductCreated",
    "ProductPublished",
    "StockReceived",
    "StockHeld",
    "OrderPlaced",
    "OrderConfirmed",
    "StockAllocated",
];

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_pages_and_as_lines() {
    let app = shop().await;
    let analyst = app.by(Role::Analyst);
    let first = analyst.get("/v1/events?limit=5").await.expect(200).json();
    assert_eq!(first["has_more"], true);
    let next = first["next"].as_str().unwrap();
    let second = analyst.get(&format!("/v1/events?limit=5&after={next}")).await.expect(200).json();
    assert_eq!((&second["has_more"], &second["next"]), (&json!(false), &Value::Null));
    let mut events = first["data"].as_array().unwrap().clone();
    events.extend(second["data"].as_array().unwrap().clone());
    assert_eq!(types(&events), ALL);
    for (position, event) in (1..).zip(&events) {
        assert_eq!(event["position"], position);
        assert_eq!(event["version"], 1);
    }
    let placed = &events[4];
    assert!(placed["stream"].as_str().unwrap().starts_with("order/ord_"));
    assert_eq!(placed["metadata"]["actor"], "alice");
    assert!(placed["payload"]["contact"]["data"].is_string() && !placed.to_string().contains("example.com"));

    let request = analyst.request(Method::GET, "/v1/events").header("accept", "application/x-ndjson");
    let lines = analyst.send(request).await.expect(200);
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let streamed: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(streamed, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_chosen_by_type_and_stream() {
    let app = shop().await;
    let analyst = app.by(Role::Analyst);
    let chosen = async |query: &str| {
        let page = analyst.get(&format!("/v1/events?{query}")).await.expect(200).json();
        types(page["data"].as_array().unwrap()).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(chosen("types=OrderPlaced,OrderConfirmed").await, ["OrderPlaced", "OrderConfirmed"]);
    assert_eq!(chosen("types=StockHeld&after=4").await, Vec::<String>::new());
    assert_eq!(chosen("stream=stock/TEA-1").await, ["StockReceived", "StockHeld", "StockAllocated"]);
    assert_eq!(chosen("stream=stock/TEA-1&types=StockHeld").await, ["StockHeld"]);
    assert_eq!(chosen("stream=stock/NOTHING").await, Vec::<String>::new());
    for bad in ["after=-1", "after=x", "stream=order", "stream=/", "types=", "types=a%00", "limit=101"] {
        let reply = analyst.get(&format!("/v1/events?{bad}")).await;
        assert_eq!(reply.refusal(), "400 malformed_request", "{bad}");
    }
    for form in ["application/json", "application/x-ndjson", "text/event-stream"] {
        let ahead = analyst.request(Method::GET, "/v1/events?after=1000").header("accept", form);
        assert_eq!(analyst.send(ahead).await.refusal(), "400 malformed_request", "{form}");
    }
    assert_eq!(analyst.get("/v1/events?since=1").await.refusal(), "400 unknown_parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_for_those_who_may_see_the_order() {
    let app = shop().await;
    let orders = app.by(Role::Support).get("/v1/orders").await.expect(200).json();
    let path = format!("/v1/orders/{}/history", orders["data"][0]["id"].as_str().unwrap());
    let history = app.customer("alice").get(&path).await.expect(200);
    assert_eq!(history.header("etag"), Some("\"2\""));
    let changes = history.json();
    assert_eq!(changes["data"][0]["what"], "OrderPlaced");
    assert_eq!(changes["data"][1]["version"], 2);
    assert!(changes["data"][0]["details"].get("contact").is_none());
    app.by(Role::Support).get(&path).await.expect(200);
    app.customer("bob").get(&path).await.expect(404);
    app.by(Role::Analyst).get(&path).await.expect(403);
    app.anonymous.get(&path).await.expect(401);
}

/// Catches: a page that is bounded in rows only.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_events_has_fewer_of_them() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    for number in 0..60 {
        let product = json!({
            "sku": format!("P{number:02}"), "name": "Large", "description": "\u{2603}".repeat(10_000),
            "price": {"amount": 1, "currency": "EUR"},
        });
        merchandiser.post("/v1/products", product).await.expect(201);
    }
    let analyst = app.by(Role::Analyst);
    let (mut after, mut positions) = (0, Vec::new());
    loop {
        let page = analyst.get(&format!("/v1/events?limit=100&after={after}")).await.expect(200);
        assert!(page.body.len() < 1_500_000, "{}", page.body.len());
        let page = page.json();
        let found = page["data"].as_array().unwrap().iter().map(|event| event["position"].as_i64().unwrap());
        positions.extend(found);
        let Some(next) = page["next"].as_str() else {
            assert_eq!(page["has_more"], false);
            break;
        };
        after = next.parse().unwrap();
    }
    assert_eq!(positions, (1..=60).collect::<Vec<_>>());
}
