//! A buyer knows what an order comes to before it is placed, and it doesn't come to more.

use chrono::TimeDelta;
use daybook_domain::{feature::Feature, policy::Role};
use daybook_tests::{Client, TestApp};
use serde_json::{Value, json};

use super::{
    orders::order,
    taxed_orders::{euros, rate},
};

async fn shop() -> TestApp {
    let app = TestApp::start_having(&[Feature::Tax], |config| {
        config.commands.tax.home = Some("DE".parse().unwrap());
    })
    .await;
    app.sell("TEAPOT", 1999, 100).await;
    app.sell("CUP", 450, 0).await;
    rate(&app, "DE", json!({"class": "standard", "rate": "19", "valid_from": "2021-01-01"})).await;
    app
}

async fn asked(client: &Client, body: Value) -> Value {
    client.post("/v1/quotes", body).await.expect(200).json()
}

fn quoted(lines: &[(&str, i64)], quote: &Value) -> Value {
    let mut body = order(lines);
    body["quote"] = quote["quote"].clone();
    body
}

async fn set_price(app: &TestApp, sku: &str, amount: i64) {
    let path = format!("/v1/products/{sku}/price");
    app.by(Role::Merchandiser).put(&path, euros(amount)).await.expect(200);
}

/// Catches: a quote that another rule made than the one by which orders are placed.
#[tokio::test(flavor = "multi_thread")]
async fn a_quote_says_what_the_order_then_comes_to() {
    let app = shop().await;
    let alice = app.customer("alice");
    let lines = [("TEAPOT", 2), ("TEAPOT", 1)];
    let quote = asked(&alice, order(&lines)).await;
    assert_eq!((&quote["total"], &quote["net"], &quote["tax"]), (&euros(5997), &euros(5039), &euros(958)));
    let id = alice.post("/v1/orders", quoted(&lines, &quote)).await.expect(201).json()["id"].clone();
    let placed = alice.get(&format!("/v1/orders/{}", id.as_str().unwrap())).await.expect(200).json();
    for member in ["total", "net", "tax", "taxes", "currency"] {
        assert_eq!(quote[member], placed[member], "{member}");
    }
    for member in ["sku", "name", "quantity", "unit_price", "total", "net", "tax"] {
        for index in 0..lines.len() {
            assert_eq!(quote["lines"][index][member], placed["lines"][index][member], "{member}");
        }
    }
}

/// Catches: a quote that appends something, holds stock, or looks at it.
#[tokio::test(flavor = "multi_thread")]
async fn a_quote_leaves_nothing_behind() {
    let app = shop().await;
    let events = || app.database.count("SELECT count(*) FROM events");
    let before = events().await;
    let reply = app.customer("alice").post("/v1/quotes", order(&[("CUP", 7)])).await.expect(200);
    assert_eq!(reply.json()["total"], euros(3150));
    assert_eq!((reply.header("etag"), reply.header("location")), (None, None));
    assert_eq!(events().await, before);
    let position = reply.header("daybook-position").unwrap().parse::<i64>().unwrap();
    assert_eq!(json!(position), reply.json()["position"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_comes_to_more_than_its_quote_is_not_placed() {
    let app = shop().await;
    let alice = app.customer("alice");
    let lines = [("TEAPOT", 1)];
    let quote = asked(&alice, order(&lines)).await;
    set_price(&app, "TEAPOT", 2099).await;
    let refused = alice.post("/v1/orders", quoted(&lines, &quote)).await;
    assert_eq!(refused.refusal(), "409 quote_changed /quote quote_changed");
    assert!(
        refused.text().contains("20.99 EUR") && refused.text().contains("19.99 EUR"),
        "{}",
        refused.text()
    );
    app.settle().await;
    assert_eq!(app.by(Role::Warehouse).get("/v1/stock/TEAPOT").await.expect(200).json()["held"], 0);

    let again = asked(&alice, order(&lines)).await;
    alice.post("/v1/orders", quoted(&lines, &again)).await.expect(201);
    // What is cheaper than it was said to be is no reason to ask again.
    set_price(&app, "TEAPOT", 1999).await;
    let placed = alice.post("/v1/orders", quoted(&lines, &again)).await.expect(201);
    assert_eq!(placed.json()["total"], euros(1999));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_belongs_to_its_order_and_to_its_quarter_of_an_hour() {
    let app = shop().await;
    let alice = app.customer("alice");
    let lines = [("TEAPOT", 1)];
    let quote = asked(&alice, order(&lines)).await;
    let expires_at = (app.now() + TimeDelta::minutes(15)).format("%Y-%m-%dT%H:%M").to_string();
    assert!(quote["expires_at"].as_str().unwrap().starts_with(&expires_at), "{quote}");

    let address =
        |country: &str| json!({"name": "A", "street": "1 Road", "city": "Town", "country": country});
    let mut abroad = quoted(&lines, &quote);
    abroad["ship_to"] = address("US");
    let mut other_text = order(&lines);
    other_text["quote"] = json!("0".repeat(64));
    let mut business = quoted(&lines, &quote);
    business["buyer"] = json!({"kind": "business"});
    for (what, body) in [
        ("other lines", quoted(&[("TEAPOT", 2)], &quote)),
        ("elsewhere", abroad),
        ("no quote", other_text),
        ("another buyer", business),
    ] {
        assert_eq!(
            alice.post("/v1/orders", body).await.refusal(),
            "422 quote_invalid /quote quote_invalid",
            "{what}"
        );
    }
    let mut at_home = quoted(&lines, &quote);
    at_home["ship_to"] = address("DE");
    alice.post("/v1/orders", at_home).await.expect(201);

    app.advance(15 * 60 + 1);
    let late = app.customer("alice").post("/v1/orders", quoted(&lines, &quote)).await;
    assert_eq!(late.refusal(), "422 quote_invalid /quote quote_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_quote_would_go_and_who_asks_decides_about_its_taxes() {
    let app = shop().await;
    let alice = app.customer("alice");
    let mut body = order(&[("TEAPOT", 1)]);
    body["country"] = json!("US");
    body["region"] = json!("NY");
    let abroad = asked(&alice, body.clone()).await;
    assert_eq!((&abroad["tax"], &abroad["taxes"]["region"]), (&euros(0), &json!("NY")));
    let mut placed = quoted(&[("TEAPOT", 1)], &abroad);
    placed["ship_to"] =
        json!({"name": "A", "street": "1 Road", "city": "Town", "region": "NY", "country": "US"});
    alice.post("/v1/orders", placed).await.expect(201);

    body["country"] = json!("FR");
    body["region"] = Value::Null;
    body["buyer"] = json!({"kind": "business", "vat_id": "FR12345678901"});
    let business = asked(&alice, body).await;
    assert_eq!(business["taxes"]["groups"][0]["reason"], "intra_community");
    assert_eq!(
        app.anonymous.post("/v1/quotes", order(&[("TEAPOT", 1)])).await.refusal(),
        "401 unauthenticated"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_without_taxes_has_quotes_too() {
    let app = TestApp::start().await;
    app.sell("TEAPOT", 1999, 1).await;
    let alice = app.customer("alice");
    let quote = asked(&alice, order(&[("TEAPOT", 1)])).await;
    assert_eq!((&quote["total"], &quote["tax"], &quote["taxes"]), (&euros(1999), &Value::Null, &Value::Null));
    alice.post("/v1/orders", quoted(&[("TEAPOT", 1)], &quote)).await.expect(201);
    let refused = alice.post("/v1/quotes", order(&[("TEAPOT", 1), ("NOTHING", 1)])).await;
    assert_eq!(refused.refusal(), "422 product_not_found /lines/1 product_not_found");
    let refused = alice.post("/v1/quotes", order(&[])).await;
    assert_eq!(refused.refusal(), "422 validation_failed /lines validation_failed");
}
