//! What is wrong with a body is told by place and kind, and nothing of it gets into the log.

use daybook_domain::{order::MAX_LINES, policy::Role};
use daybook_tests::{Client, Log, TestApp};
use reqwest::Method;
use serde_json::json;

async fn post_text(client: &Client, path: &str, body: String) -> String {
    let key = daybook_tests::shop::new_id().simple().to_string();
    let request = client.request(Method::POST, path).header("idempotency-key", key);
    client.send(request.header("content-type", "application/json").body(body)).await.refusal()
}

/// An order with one member of it replaced, or added.
fn order_with(member: &str) -> String {
    let plain = [("lines", r#"[{"sku":"TEA-1","quantity":1}]"#), ("currency", r#""EUR""#)];
    let name = member.split(':').next().unwrap().trim_matches('"');
    let kept = plain.iter().filter(|(other, _)| *other != name);
    let mut members: Vec<String> = kept.map(|(name, value)| format!("\"{name}\":{value}")).collect();
    members.push(member.to_owned());
    format!("{{{}}}", members.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_order_is_refused_by_its_place() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let before = Log::read(&app.database.superuser).await.head();
    let alice = app.customer("alice");
    let line = |line: &str| order_with(&format!("\"lines\":[{line}]"));
    let invalid = |rest: &str| format!("422 validation_failed {rest}");
    let pairs: String = (0..21).map(|n| format!("\"k{n}\":\"v\"")).collect::<Vec<_>>().join(",");
    let table: Vec<(String, String)> = vec![
        // Foreign fields.
        (order_with(r#""role":"admin""#), invalid("/role unknown_field")),
        (order_with(r#""total":{"amount":1,"currency":"EUR"}"#), invalid("/total unknown_field")),
        (order_with(r#""status":"shipped""#), invalid("/status unknown_field")),
        (order_with(r#""version":7"#), invalid("/version unknown_field")),
        (order_with(r#""owner":"bob""#), invalid("/owner unknown_field")),
        (order_with(r#""id":"ord_019b0000000070008000000000000001""#), invalid("/id unknown_field")),
        (line(r#"{"sku":"TEA-1","quantity":1,"price":1}"#), invalid("/lines/0/price unknown_field")),
        // Missing ones.
        (r#"{"currency":"EUR"}"#.into(), invalid("/lines missing_field")),
        (line(r#"{"sku":"TEA-1"}"#), invalid("/lines/0/quantity missing_field")),
        // Quantities.
        (line(r#"{"sku":"TEA-1","quantity":0}"#), invalid("/lines/0/quantity invalid_value")),
        (line(r#"{"sku":"TEA-1","quantity":-5}"#), invalid("/lines/0/quantity invalid_value")),
        (line(r#"{"sku":"TEA-1","quantity":100001}"#), invalid("/lines/0/quantity invalid_value")),
        (line(r#"{"sku":"TEA-1","quantity":1.5}"#), invalid("/lines/0/quantity invalid_type")),
        (line(r#"{"sku":"TEA-1","quantity":"1"}"#), invalid("/lines/0/quantity invalid_type")),
        (line(r#"{"sku":"TEA-1","quantity":1e3}"#), invalid("/lines/0/quantity invalid_type")),
        (
            line(r#"{"sku":"TEA-1","quantity":9223372036854775808}"#),
            invalid("/lines/0/quantity invalid_value"),
        ),
        (line(r#"{"sku":"TEA-1","quantity":null}"#), invalid("/lines/0/quantity invalid_type")),
        // Codes and names.
        (line(r#"{"sku":"TEA 1","quantity":1}"#), invalid("/lines/0/sku invalid_value")),
        (line(r#"{"sku":"","quantity":1}"#), invalid("/lines/0/sku invalid_value")),
        (line(r#"{"sku":"TEA\u0000","quantity":1}"#), invalid("/lines/0/sku invalid_value")),
        (order_with(r#""currency":"EURO""#), invalid("/currency invalid_value")),
        (order_with(r#""currency":"eur""#), invalid("/currency invalid_value")),
        (order_with(r#""external_id":"""#), invalid("/external_id invalid_value")),
        (order_with(r#""external_id":"a\nb""#), invalid("/external_id invalid_value")),
        (order_with(r#""metadata":{"a":1}"#), invalid("/metadata/a invalid_type")),
        (order_with(r#""metadata":{"a":"x","a":"y"}"#), invalid("/metadata/a duplicate_field")),
        (order_with(&format!("\"metadata\":{{{pairs}}}")), invalid("/metadata invalid_value")),
        (order_with(r#""contact":{"name":"A","email":"nobody"}"#), invalid("/contact/email invalid_value")),
        (
            order_with(r#""contact":{"name":"A\r\nBcc: eve@example.com","email":"a@example.com"}"#),
            invalid("/contact/name invalid_value"),
        ),
        (
            order_with(r#""contact":{"name":"A","email":"a@example.com","vip":true}"#),
            invalid("/contact/vip unknown_field"),
        ),
        (
            order_with(r#""ship_to":{"name":"A","street":"1","city":"T","country":"Germany"}"#),
            invalid("/ship_to/country invalid_value"),
        ),
        // Numbers of lines.
        (order_with(r#""lines":[]"#), invalid("/lines validation_failed")),
        (
            order_with(&format!(
                "\"lines\":[{}]",
                vec![r#"{"sku":"TEA-1","quantity":1}"#; MAX_LINES + 1].join(",")
            )),
            invalid("/lines validation_failed"),
        ),
        // Twice the same.
        (order_with(r#""currency":"EUR","currency":"USD""#), invalid("/currency duplicate_field")),
        // Not JSON, or not an object.
        ("[]".into(), invalid(" invalid_type")),
        ("\"order\"".into(), invalid(" invalid_type")),
        ("null".into(), invalid(" invalid_type")),
        ("{".into(), "400 malformed_request".into()),
        ("{} {}".into(), "400 malformed_request".into()),
        ("not json".into(), "400 malformed_request".into()),
        (line(r#"{"sku":"\ud800","quantity":1}"#), "400 malformed_request".into()),
        (line(r#"{"sku":"TEA-1","quantity":1e999}"#), "400 malformed_request".into()),
        (
            order_with(&format!("\"metadata\":{}1{}", "[".repeat(100), "]".repeat(100))),
            invalid("/metadata invalid_type"),
        ),
        (
            order_with(&format!("\"metadata\":{}1{}", "[".repeat(200), "]".repeat(200))),
            "400 malformed_request".into(),
        ),
        ("\u{feff}{}".into(), "400 malformed_request".into()),
    ];
    for (body, expected) in table {
        let shown: String = body.chars().take(200).collect();
        assert_eq!(post_text(&alice, "/v1/orders", body).await, expected, "{shown}");
    }
    assert_eq!(Log::read(&app.database.superuser).await.head(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_utf_8_are_refused() {
    let app = TestApp::start().await;
    let alice = app.customer("alice");
    let request = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "k");
    let request =
        request.header("content-type", "application/json").body(b"{\"currency\":\"\xff\"}".to_vec());
    let reply = alice.send(request).await;
    assert!([400, 422].contains(&reply.status), "{}", reply.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_products_prices_and_receipts_are_refused() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let (merchandiser, warehouse) = (app.by(Role::Merchandiser), app.by(Role::Warehouse));
    for (body, expected) in [
        (json!({"sku": "A/B", "name": "A", "price": {"amount": 1, "currency": "EUR"}}), "/sku invalid_value"),
        (json!({"sku": "A", "name": " A", "price": {"amount": 1, "currency": "EUR"}}), "/name invalid_value"),
        (json!({"sku": "A", "name": "", "price": {"amount": 1, "currency": "EUR"}}), "/name invalid_value"),
        (
            json!({"sku": "A", "name": "A", "price": {"amount": -1, "currency": "EUR"}}),
            "/price invalid_value",
        ),
        (
            json!({"sku": "A", "name": "A", "price": {"amount": 19.99, "currency": "EUR"}}),
            "/price/amount invalid_type",
        ),
        (
            json!({"sku": "A", "name": "A", "price": {"amount": 1, "currency": "XXY"}}),
            "/price/currency invalid_value",
        ),
        (json!({"sku": "A", "name": "A", "price": {"amount": 1}}), "/price/currency missing_field"),
        (json!({"sku": "A", "name": "A"}), "/price missing_field"),
        (
            json!({"sku": "A", "name": "A", "price": {"amount": 1, "currency": "EUR"}, "published": true}),
            "/published unknown_field",
        ),
    ] {
        let reply = merchandiser.post("/v1/products", body.clone()).await;
        assert_eq!(reply.refusal(), format!("422 validation_failed {expected}"), "{body}");
    }
    let long = "x".repeat(10_001);
    let reply = merchandiser.patch("/v1/products/TEA-1", json!({"description": long})).await;
    assert_eq!(reply.refusal(), "422 validation_failed /description invalid_value");
    let reply = merchandiser.put("/v1/products/TEA-1/price", json!({"amount": -1, "currency": "EUR"})).await;
    assert_eq!(reply.code(), "validation_failed");
    for (body, expected) in [
        (json!({"quantity": 0}), "/quantity invalid_value"),
        (json!({"quantity": 1, "reference": ""}), "/reference invalid_value"),
        (json!({}), "/quantity missing_field"),
    ] {
        let reply = warehouse.post("/v1/stock/TEA-1/receipts", body).await;
        assert_eq!(reply.refusal(), format!("422 validation_failed {expected}"));
    }
    let reply = warehouse.post("/v1/stock/TEA-1/adjustments", json!({"delta": 5})).await;
    assert_eq!(reply.refusal(), "422 validation_failed /reason missing_field");
    let reply =
        warehouse.post("/v1/stock/TEA-1/adjustments", json!({"delta": i64::MAX, "reason": "x"})).await;
    assert_eq!(reply.refusal(), "422 stock_out_of_range");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_names_nothing_possible_is_not_found() {
    let app = TestApp::start().await;
    let support = app.by(Role::Support);
    for path in [
        "/v1/orders/ord_1",
        "/v1/orders/ORD_019b0000000070008000000000000001",
        "/v1/orders/x%00y",
        "/v1/nothing",
        "/",
        "/v1/orders/",
    ] {
        assert_eq!(support.get(path).await.refusal(), "404 not_found", "{path}");
    }
    app.anonymous.get("/v1/products/a%20b").await.expect(404);
}
