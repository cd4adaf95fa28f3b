//! A body that is wrong is told so in few words, all of its mistakes at once, and an object is an object.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp, shop::new_id};
use reqwest::Method;
use serde_json::{Value, json};

use super::orders::order;

const MOST_BYTES: usize = 8 * 1024;
const MOST_ERRORS: usize = 20;

async fn send(client: &Client, method: &Method, path: &str, media_type: &str, body: &str) -> Reply {
    let request =
        client.request(method.clone(), path).header("idempotency-key", new_id().simple().to_string());
    client.send(request.header("content-type", media_type).body(body.to_owned())).await
}

async fn post(client: &Client, path: &str, body: &Value) -> Reply {
    send(client, &Method::POST, path, "application/json", &body.to_string()).await
}

/// `pointer code` of each mistake, in their order.
fn mistakes(reply: &Reply) -> Vec<String> {
    reply.code();
    let problem = reply.json();
    let text = |error: &Value, member: &str| error[member].as_str().expect("a text").to_owned();
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| format!("{} {}", text(error, "pointer"), text(error, "code"))).collect()
}

/// A problem is small, and says nothing in the words of the program's language.
#[track_caller]
fn is_in_plain_words(reply: &Reply) {
    let text = reply.text();
    assert!(text.len() <= MOST_BYTES, "{} bytes: {:.300}", text.len(), text);
    // The random names of the request can have any digits.
    let mut problem = reply.json();
    for name in ["request_id", "trace_id"] {
        problem.as_object_mut().unwrap().remove(name);
    }
    let text = problem.to_string();
    for word in [
        "struct ",
        "u64",
        "i64",
        "u32",
        "u16",
        "f64",
        "`Option",
        "expected ",
        "tuple",
        "variant",
        "sequence",
        "enum ",
    ] {
        assert!(!text.contains(word), "{word:?} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_is_not_taken_for_an_object_at_any_depth() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (admin, operator) = (app.by(Role::Admin), app.operator());
    let order_with = |member: &str, value: Value| {
        let mut body = order(&[("TEA-1", 1)]);
        body[member] = value;
        body
    };
    let product_with = |member: &str, value: Value| {
        let mut body = json!({"sku": "LIST", "name": "List", "price": {"amount": 1, "currency": "EUR"}});
        body[member] = value;
        body
    };
    let line = json!({"sku": "TEA-1", "quantity": 1});
    let priced = |price: Value| json!([{"sku": "TEA-1", "quantity": 1, "unit_price": price}]);
    let (post, put, patch) = (Method::POST, Method::PUT, Method::PATCH);
    let (orders, products) = ("/v1/orders", "/v1/products");
    let of_order = |rest: &str| format!("/v1/orders/ord_019b0000000070008000000000000001/{rest}");
    let mut taken = Vec::new();
    for (client, method, path, body, pointer) in [
        (
            &admin,
            &post,
            orders.to_owned(),
            order_with("contact", json!(["Alice", "alice@example.com"])),
            "/contact",
        ),
        (
            &admin,
            &post,
            orders.into(),
            order_with("ship_to", json!(["A", "1 Road", null, "Town", null, null, "DE"])),
            "/ship_to",
        ),
        (&admin, &post, orders.into(), order_with("lines", json!([["TEA-1", 1, null]])), "/lines/0"),
        (&admin, &post, orders.into(), order_with("lines", json!([line, ["TEA-1", 1, null]])), "/lines/1"),
        (&admin, &post, orders.into(), order_with("lines", priced(json!([1, "EUR"]))), "/lines/0/unit_price"),
        (&admin, &post, orders.into(), order_with("lines", line.clone()), "/lines"),
        (&admin, &post, orders.into(), order_with("metadata", json!([["a", "b"]])), "/metadata"),
        (&admin, &post, orders.into(), order_with("metadata", json!([])), "/metadata"),
        (&admin, &post, orders.into(), order_with("currency", json!({"EUR": null})), "/currency"),
        (&admin, &post, orders.into(), order_with("currency", json!(["EUR"])), "/currency"),
        (&admin, &post, orders.into(), json!([[["TEA-1", 1, null]], "EUR"]), ""),
        (&admin, &post, products.into(), product_with("price", json!([1, "EUR"])), "/price"),
        (&admin, &post, products.into(), product_with("sku", json!(["LIST"])), "/sku"),
        (&admin, &put, "/v1/products/TEA-1/price".into(), json!([1, "EUR"]), ""),
        (&admin, &patch, "/v1/products/TEA-1".into(), json!(["Name"]), ""),
        (&admin, &patch, "/v1/products/TEA-1".into(), json!({"metadata": [["a", "b"]]}), "/metadata"),
        (&admin, &post, "/v1/stock/TEA-1/receipts".into(), json!([1, null]), ""),
        (&admin, &post, "/v1/products/TEA-1/publication".into(), json!([]), ""),
        (&admin, &post, of_order("cancellation"), json!(["late"]), ""),
        (&admin, &post, of_order("shipments"), json!({"lines": [["TEA-1", 1]]}), "/lines/0"),
        (&operator, &post, "/admin/revocations".into(), json!({"revoked": ["token", "x"]}), "/revoked"),
        (
            &operator,
            &post,
            "/admin/revocations".into(),
            json!({"revoked": {"token": ["x"]}}),
            "/revoked/token",
        ),
        (&operator, &post, "/admin/revocations".into(), json!([{"token": "x"}, "why"]), ""),
        (&operator, &post, "/admin/projections/orders/pause".into(), json!(["why"]), ""),
    ] {
        let reply = send(client, method, &path, "application/json", &body.to_string()).await;
        if reply.status != 422 || mistakes(&reply) != [format!("{pointer} invalid_type")] {
            taken.push(format!("{method} {path} {body}: {}", reply.text()));
            continue;
        }
        is_in_plain_words(&reply);
    }
    assert!(taken.is_empty(), "{} of them: {taken:#?}", taken.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_mistakes_of_a_body_are_named_at_once() {
    let app = TestApp::start().await;
    let (admin, operator) = (app.by(Role::Admin), app.operator());
    let reply = post(
        &admin,
        "/v1/orders",
        &json!({
            "lines": [
                {"sku": "TEA 1", "quantity": 0, "price": 1},
                {"quantity": "1"},
                ["TEA-1", 1],
                {"sku": "TEA-1", "quantity": 1, "unit_price": {"amount": 1.5, "currency": "XXX"}},
            ],
            "contact": {"name": "\u{200b}", "email": "nobody"},
            "ship_to": {"name": "A", "street": 1, "country": "XX"},
            "metadata": {"a": 1, "b": null},
            "status": "shipped",
        }),
    )
    .await;
    let mut found = mistakes(&reply);
    found.sort();
    assert_eq!(
        found,
        [
            "/contact/email invalid_value",
            "/contact/name invalid_value",
            "/currency missing_field",
            "/lines/0/price unknown_field",
            "/lines/0/quantity invalid_value",
            "/lines/0/sku invalid_value",
            "/lines/1/quantity invalid_type",
            "/lines/1/sku missing_field",
            "/lines/2 invalid_type",
            "/lines/3/unit_price/amount invalid_type",
            "/lines/3/unit_price/currency invalid_value",
            "/metadata/a invalid_type",
            "/metadata/b invalid_type",
            "/ship_to/city missing_field",
            "/ship_to/country invalid_value",
            "/ship_to/street invalid_type",
            "/status unknown_field",
        ]
    );
    is_in_plain_words(&reply);

    let none = post(&admin, "/v1/products", &json!({})).await;
    assert_eq!(mistakes(&none), ["/sku missing_field", "/name missing_field", "/price missing_field"]);
    is_in_plain_words(&none);
    let described = send(
        &admin,
        &Method::PATCH,
        "/v1/products/TEA-1",
        "application/json",
        r#"{"name": null, "description": 7, "metadata": {"a": {}}, "price": 1, "name": "x"}"#,
    )
    .await;
    let mut found = mistakes(&described);
    found.sort();
    assert_eq!(
        found,
        [
            "/description invalid_type",
            "/metadata/a invalid_type",
            "/name duplicate_field",
            "/name invalid_type",
            "/price unknown_field"
        ]
    );
    let revoked =
        post(&operator, "/admin/revocations", &json!({"revoked": {"session": "x"}, "why": 1})).await;
    let mut found = mistakes(&revoked);
    found.sort();
    assert_eq!(found, ["/revoked invalid_value", "/why unknown_field"]);
    is_in_plain_words(&revoked);
    for not_one in [json!({"token": "x", "subject": "y"}), json!({"token": "x", "more": 1}), json!({})] {
        let revoked = post(&operator, "/admin/revocations", &json!({"revoked": not_one})).await;
        assert_eq!(mistakes(&revoked), ["/revoked invalid_value"]);
        assert_eq!(
            revoked.json()["errors"][0]["detail"],
            "has to be an object with token, or subject, or key, and nothing else"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_small_however_large_what_is_refused() {
    let app = TestApp::start().await;
    let admin = app.by(Role::Admin);
    let long = "x".repeat(200_000);
    let lines: Vec<Value> = (0..2_000).map(|_| json!({"sku": "\u{1}", "quantity": 0})).collect();
    let names: serde_json::Map<String, Value> =
        (0..500).map(|n| (format!("\u{1}{}{n}", "\"".repeat(300)), json!(1))).collect();
    for body in [
        json!({"lines": [], "currency": long}),
        json!({"lines": long}),
        json!({"lines": [{"sku": long, "quantity": long}], "currency": "EUR"}),
        json!({ long.clone(): 1 }),
        json!({"lines": [], "currency": "EUR", "metadata": {long.clone(): 1}}),
        json!({"lines": [], "currency": "EUR", "metadata": {long.clone(): long}}),
        json!({"lines": [], "currency": "EUR", "contact": {"name": long, "email": long, long.clone(): long}}),
        json!({"lines": lines, "currency": "EUR"}),
        Value::Object(names),
        json!(long),
    ] {
        let reply = post(&admin, "/v1/orders", &body).await;
        let shown: String = body.to_string().chars().take(80).collect();
        assert_eq!(reply.status, 422, "{shown}");
        let found = mistakes(&reply).len();
        assert!((1..=MOST_ERRORS).contains(&found), "{found} for {shown}");
        is_in_plain_words(&reply);
    }
    let many = post(&admin, "/v1/orders", &json!({"lines": lines, "currency": "EUR"})).await;
    let detail = many.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("3980"), "it says how many more there are: {detail}");

    for path in [
        format!("/v1/orders?{}=1", "x".repeat(4_000)),
        format!("/v1/orders?status={}", "x".repeat(4_000)),
        format!("/v1/orders?customer={0}&customer={0}", "x".repeat(2_000)),
        format!("/v1/products?limit={}", "x".repeat(4_000)),
        format!("/v1/products/{}", "x".repeat(12_000)),
    ] {
        let reply = admin.get(&path).await;
        assert!((400..500).contains(&reply.status), "{path:.60}: {}", reply.status);
        reply.code();
        is_in_plain_words(&reply);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_parameter_is_told_in_plain_words() {
    let app = TestApp::start().await;
    let admin = app.by(Role::Admin);
    for (path, code, detail) in [
        (
            "/v1/products?page=2",
            "unknown_parameter",
            "there is no parameter page here; there are q, limit, after, before",
        ),
        (
            "/v1/products/TEA-1/history?page=2",
            "unknown_parameter",
            "there is no parameter page here; there are limit, after, before",
        ),
        ("/v1/permissions?page=2", "unknown_parameter", "there is no parameter page here, nor any other"),
        ("/v1/products?limit=1&limit=2", "malformed_request", "limit is given more than once"),
        (
            "/v1/products?limit=0&page=2",
            "malformed_request",
            "limit is 1 to 100; there is no parameter page here; there are q, limit, after, before",
        ),
    ] {
        let reply = admin.get(path).await;
        assert_eq!(reply.refusal(), format!("400 {code}"), "{path}");
        assert_eq!(reply.json()["detail"], detail, "{path}");
        is_in_plain_words(&reply);
    }
}

/// RFC 7396.
#[tokio::test(flavor = "multi_thread")]
async fn a_patch_may_come_as_a_merge_patch() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let admin = app.by(Role::Admin);
    let (patch, path) = (Method::PATCH, "/v1/products/TEA-1");
    let merge = "application/merge-patch+json";
    send(&admin, &patch, path, merge, r#"{"description": "100 g", "metadata": {"a": "b"}}"#)
        .await
        .expect(200);
    send(&admin, &patch, path, "Application/Merge-Patch+JSON; charset=utf-8", r#"{"description": null}"#)
        .await
        .expect(200);
    let shown = admin.get(path).await.expect(200).json();
    assert_eq!((&shown["description"], &shown["metadata"]), (&json!(""), &json!({"a": "b"})));
    let nameless = send(&admin, &patch, path, merge, r#"{"name": null}"#).await;
    assert_eq!(nameless.refusal(), "422 validation_failed /name invalid_type");
    // It is for PATCH alone, and other patches are not known.
    let other = send(&admin, &Method::POST, "/v1/orders", merge, &order(&[("TEA-1", 1)]).to_string()).await;
    assert_eq!(
        (other.refusal(), other.header("accept")),
        ("415 unsupported_media_type".into(), Some("application/json"))
    );
    for (method, path) in [(&Method::PUT, "/v1/products/TEA-1/price"), (&Method::POST, "/v1/products")] {
        let reply = send(&admin, method, path, merge, "{}").await;
        assert_eq!(reply.refusal(), "415 unsupported_media_type", "{method} {path}");
    }
    for bad in ["application/json-patch+json", "text/plain", "application/merge-patch+json; charset=latin1"] {
        let reply = send(&admin, &patch, path, bad, "{}").await;
        assert_eq!(reply.refusal(), "415 unsupported_media_type", "{bad}");
        assert_eq!(reply.header("accept-patch"), Some("application/merge-patch+json, application/json"));
    }
    let document = app.anonymous.get("/openapi.json").await.expect(200).json();
    let taken = |path: &str, method: &str| {
        let content = &document["paths"][path][method]["requestBody"]["content"];
        content.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(taken("/v1/products/{sku}", "patch"), ["application/json", merge]);
    assert_eq!(taken("/v1/products", "post"), ["application/json"]);
}
