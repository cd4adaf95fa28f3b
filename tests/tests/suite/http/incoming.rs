//! What comes in has to be fit for what becomes of it: names that can be seen, ids that a URL can have, addresses
//! that a mail can go to, currencies and countries that are there. What is stored already stays readable.

use std::collections::BTreeMap;

use daybook_commands::products::CreateProduct;
use daybook_domain::{
    money::{Currency, Money},
    policy::Role,
    text::{Description, Metadata},
};
use daybook_tests::{
    Client, Reply, TestApp,
    shop::{Shop, by},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::orders::order;

const NO_ORDER: &str = "/v1/orders/ord_019b0000000070008000000000000001";
const INVALID: &str = "422 validation_failed";

/// Texts of which nothing can be seen, and texts that are more than a line.
const BAD_LINES: [&str; 14] = [
    "\u{200b}",
    "\u{200b}\u{200d}\u{2060}",
    "\u{ad}",
    "\u{feff}",
    "\u{3164}",
    "\u{115f}\u{1160}",
    "\u{2800}\u{2800}",
    "\u{e0020}",
    "\u{fe0f}",
    "\u{301}",
    "Tea\u{2028}Cup",
    "Tea\u{2029}Cup",
    "Tea\u{85}Cup",
    "Tea\u{b}Cup",
];

const GOOD_LINES: [&str; 6] = [
    "Ærø – 茶",
    "Cafe\u{301}",
    "👩\u{200d}👩\u{200d}👧",
    "می\u{200c}خواهم",
    "\u{200f}שלום\u{200f}",
    "❤\u{fe0f}",
];

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let place = body.pointer_mut(pointer).expect("the body has this member");
    *place = value;
    body
}

fn product(sku: &str) -> Value {
    json!({"sku": sku, "name": "Tea", "price": {"amount": 1, "currency": "EUR"}, "external_id": null})
}

fn full_order() -> Value {
    let mut body = order(&[("TEA-1", 1)]);
    body["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    body["ship_to"] = json!({"name": "Alice", "street": "1 Road", "street2": "Yard", "city": "Town",
        "postcode": "1", "region": "North", "country": "DE"});
    body["customer"] = json!("alice");
    body["external_id"] = Value::Null;
    body["override_reason"] = json!("a friend");
    body
}

async fn send(client: &Client, method: Method, path: &str, body: &Value) -> Reply {
    let key = daybook_tests::shop::new_id().simple().to_string();
    client.send(client.request(method, path).header("idempotency-key", key).json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_text_has_one_line_and_something_to_be_seen_wherever_it_comes_in() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1_000).await;
    let (admin, operator) = (app.by(Role::Admin), app.operator());
    let path = |rest: &str| format!("{NO_ORDER}{rest}");
    let mut places = vec![
        (&admin, Method::POST, "/v1/products".to_owned(), product("LINE"), "/name"),
        (&admin, Method::POST, "/v1/products".to_owned(), product("LINE"), "/external_id"),
        (&admin, Method::PATCH, "/v1/products/TEA-1".to_owned(), json!({"name": "Tea"}), "/name"),
        (&admin, Method::POST, path("/cancellation"), json!({"reason": "late"}), "/reason"),
        (&admin, Method::POST, path("/shipments"), json!({"tracking": "1Z"}), "/tracking"),
        (
            &admin,
            Method::POST,
            "/v1/stock/TEA-1/receipts".into(),
            json!({"quantity": 1, "reference": "1"}),
            "/reference",
        ),
        (
            &admin,
            Method::POST,
            "/v1/stock/TEA-1/adjustments".into(),
            json!({"delta": 1, "reason": "x"}),
            "/reason",
        ),
        (
            &operator,
            Method::POST,
            "/admin/projections/orders/pause".into(),
            json!({"reason": "x"}),
            "/reason",
        ),
    ];
    let of_order = ["/contact/name", "/ship_to/name", "/ship_to/street", "/ship_to/street2", "/ship_to/city"];
    let more = ["/ship_to/postcode", "/ship_to/region", "/customer", "/external_id", "/override_reason"];
    for pointer in of_order.into_iter().chain(more) {
        places.push((&admin, Method::POST, "/v1/orders".into(), full_order(), pointer));
    }
    let mut taken = Vec::new();
    for (client, method, path, body, pointer) in &places {
        for bad in BAD_LINES {
            let reply = send(client, method.clone(), path, &with(body.clone(), pointer, json!(bad))).await;
            if reply.status != 422 || reply.refusal() != format!("{INVALID} {pointer} invalid_value") {
                taken.push(format!("{method} {path} {pointer} {}: {}", bad.escape_unicode(), reply.status));
            }
        }
    }
    assert!(taken.is_empty(), "{} were not refused: {:#?}", taken.len(), &taken[..taken.len().min(20)]);
    for good in GOOD_LINES {
        send(&admin, Method::POST, "/v1/orders", &with(full_order(), "/contact/name", json!(good)))
            .await
            .expect(201);
        send(&admin, Method::PATCH, "/v1/products/TEA-1", &json!({"name": good})).await.expect(200);
        assert_eq!(admin.get("/v1/products/TEA-1").await.json()["name"], good, "it is shown as it was given");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_has_keys_that_can_be_seen_and_values_of_one_line() {
    let app = TestApp::start().await;
    let admin = app.by(Role::Admin);
    let create = async |metadata: Value| {
        let mut body = product("META");
        body["metadata"] = metadata;
        admin.post("/v1/products", body).await
    };
    for bad in BAD_LINES {
        assert_eq!(create(json!({bad: "x"})).await.refusal(), format!("{INVALID} /metadata invalid_value"));
    }
    for bad in ["a\u{2028}b", "a\u{2029}b", "a\u{85}b"] {
        assert_eq!(create(json!({"k": bad})).await.refusal(), format!("{INVALID} /metadata invalid_value"));
    }
    create(json!({"k": "", "größe": "20 cm"})).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sku_can_be_a_segment_of_a_url() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    for bad in [".", "..", ""] {
        let reply = merchandiser.post("/v1/products", product(bad)).await;
        assert_eq!(reply.refusal(), format!("{INVALID} /sku invalid_value"), "{bad:?}");
    }
    for good in ["...", ".a", "a.", "-", "_", "..a"] {
        let created = merchandiser.post("/v1/products", product(good)).await.expect(201);
        let there = created.header("location").unwrap();
        assert_eq!(merchandiser.get(there).await.expect(200).json()["sku"], good);
    }
}

const BAD_ADDRESSES: [&str; 24] = [
    "e\u{301}\u{323}\u{302}\u{33f}@example.com",
    "ali\u{33f}ce@example.com",
    "ali\u{200b}ce@example.com",
    "ali\u{ad}ce@example.com",
    "ali\u{200d}ce@example.com",
    "\u{feff}alice@example.com",
    "\u{ff41}lice@example.com",
    "alice\u{ff20}example.com",
    "alice@ex\u{200b}ample.com",
    "alice@\u{ff45}xample.com",
    "alice@example\u{3002}com",
    "alice@exam_ple.com",
    "alice@xn--a.com",
    "alice@\u{301}example.com",
    "ali\u{fb01}@example.com",
    "ali\u{2028}ce@example.com",
    "ali\u{e000}ce@example.com",
    "ali\u{1f600}@example.com",
    "ali\u{a3}@example.com",
    "alice@[127.0.0.1]",
    "\"alice\"@example.com",
    "alice@example.com.",
    "alice@\u{1f600}.example",
    "alice@١.example",
];

const GOOD_ADDRESSES: [&str; 7] = [
    "alice@example.com",
    "a.b+c@sub.example.co.uk",
    "o'neil@example.com",
    "jörg@exämple.de",
    "jo\u{308}rg@example.de",
    "用户@例え.jp",
    "x@localhost",
];

/// Catches: an address that is taken at the door and refused by the mailer.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_gets_its_mail() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1_000).await;
    let support = app.by(Role::Support);
    let place = async |address: &str| {
        support.post("/v1/orders", with(full_order_without_reason(), "/contact/email", json!(address))).await
    };
    let mut taken = Vec::new();
    for bad in BAD_ADDRESSES {
        let reply = place(bad).await;
        match reply.status {
            422 => assert_eq!(reply.refusal(), format!("{INVALID} /contact/email invalid_value")),
            status => taken.push(format!("{} {status}", bad.escape_unicode())),
        }
    }
    let mut expected = 0;
    for good in GOOD_ADDRESSES {
        place(good).await.expect(201);
        expected += 1;
    }
    app.settle().await;
    let dead = app.operator().get("/admin/dead-letters").await.expect(200).json();
    assert_eq!((dead, taken), (json!([]), vec![]));
    assert_eq!(app.mails().len(), expected);
}

fn full_order_without_reason() -> Value {
    let mut body = full_order();
    body.as_object_mut().unwrap().remove("override_reason");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn money_is_made_in_currencies_that_are_in_use() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let admin = app.by(Role::Admin);
    let mut taken = Vec::new();
    for bad in [
        "XXX", "XTS", "XAU", "XAG", "XPT", "XPD", "XDR", "XBA", "XBB", "XBC", "XBD", "XSU", "XUA", "XAD",
        "BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW", "CUC", "HRK", "BGN", "SLL", "ZWL",
        "DEM", "eur",
    ] {
        let mut body = product("MONEY");
        body["price"]["currency"] = json!(bad);
        let created = admin.post("/v1/products", body).await;
        let priced = admin.put("/v1/products/TEA-1/price", json!({"amount": 1, "currency": bad})).await;
        let mut body = order(&[("TEA-1", 1)]);
        body["currency"] = json!(bad);
        let placed = admin.post("/v1/orders", body).await;
        let mut body = order(&[("TEA-1", 1)]);
        body["lines"][0]["unit_price"] = json!({"amount": 1, "currency": bad});
        body["override_reason"] = json!("x");
        let overridden = admin.post("/v1/orders", body).await;
        let places = [
            (created, "/price/currency"),
            (priced, "/currency"),
            (placed, "/currency"),
            (overridden, "/lines/0/unit_price/currency"),
        ];
        for (reply, pointer) in places {
            if reply.status != 422 || reply.refusal() != format!("{INVALID} {pointer} invalid_value") {
                taken.push(format!("{bad} {pointer} {}", reply.status));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:?}");
    for good in ["EUR", "USD", "GBP", "JPY", "KWD", "CLP", "XAF", "XOF", "XPF", "XCD", "CHF", "VED", "SLE"] {
        admin.put("/v1/products/TEA-1/price", json!({"amount": 1, "currency": good})).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_in_a_country_of_the_standard() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let admin = app.by(Role::Admin);
    let place = async |country: &str| {
        admin.post("/v1/orders", with(full_order_without_reason(), "/ship_to/country", json!(country))).await
    };
    for bad in ["XX", "ZZ", "AA", "QM", "XK", "EU", "UK", "SU", "YU", "AN", "TP", "DD", "de", "D", "DEU", ""]
    {
        assert_eq!(place(bad).await.refusal(), format!("{INVALID} /ship_to/country invalid_value"), "{bad}");
    }
    for good in ["DE", "GB", "AX", "BQ", "CW", "SS", "SX", "TL"] {
        place(good).await.expect(201);
    }
}

/// Catches: a rule for what comes in that is also a rule for what is stored.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_a_rule_stays_readable() {
    let app = TestApp::start().await;
    let former = Shop::open(&app.database.app_url(), "former");
    let metadata = BTreeMap::from([("\u{200b}".to_owned(), "a\u{2028}b".to_owned())]);
    let stored = CreateProduct {
        sku: ".".parse().expect("a SKU of before"),
        name: "\u{200b}".parse().expect("a name of before"),
        description: Description::default(),
        price: Money::new(7, Currency::XAU).try_into().expect("a price of before"),
        external_id: Some("\u{3164}".parse().expect("an id of before")),
        metadata: Metadata::try_from(metadata).expect("metadata of before"),
    };
    former.ask(by(Role::Merchandiser), stored).await.expect("stored");
    former.close().await;
    app.settle().await;
    let admin = app.by(Role::Admin).unpromised();
    let page = admin.get("/v1/products").await.expect(200).json();
    let shown = &page["data"][0];
    assert_eq!(shown["sku"], ".");
    assert_eq!((&shown["name"], &shown["external_id"]), (&json!("\u{200b}"), &json!("\u{3164}")));
    assert_eq!(
        (&shown["price"]["currency"], &shown["metadata"]),
        (&json!("XAU"), &json!({"\u{200b}": "a\u{2028}b"}))
    );
    assert_eq!(admin.get("/v1/events").await.expect(200).json()["data"][0]["type"], "ProductCreated");
}
