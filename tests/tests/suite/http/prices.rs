//! What products are for taxes, and prices that hold for a time.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{feature::Feature, policy::Role};
use daybook_tests::{Client, Reply, TestApp};
use serde_json::{Value, json};

use super::orders::order;

const CHANGES: &str = "/v1/products/TEA-1/price-changes";

async fn shop() -> TestApp {
    let app = TestApp::start_having(&[Feature::Tax], |_| {}).await;
    app.sell("TEA-1", 1999, 100).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_of_a_tax_class() {
    let app = shop().await;
    let (merchandiser, path) = (app.by(Role::Merchandiser), "/v1/products/TEA-1/tax-class");
    let shown =
        async || app.anonymous.get("/v1/products/TEA-1").await.expect(200).json()["tax_class"].clone();
    assert_eq!(shown().await, "standard");
    let set = merchandiser.put(path, json!({"class": "food"})).await.expect(200).json();
    assert_eq!(shown().await, "food");
    let again = merchandiser.put(path, json!({"class": "food"})).await.expect(200).json();
    assert_eq!(again["version"], set["version"], "it appends nothing");
    let listed = app.anonymous.get("/v1/products").await.expect(200).json();
    assert_eq!(listed["data"][0]["tax_class"], "food");
    let history = merchandiser.get("/v1/products/TEA-1/history").await.expect(200).json();
    let last = history["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["what"], &last["details"]), (&json!("ProductTaxClassSet"), &json!({"class": "food"})));

    for bad in ["", "Books", "a-b", &"a".repeat(41)] {
        let refused = merchandiser.put(path, json!({ "class": bad })).await;
        assert_eq!(refused.refusal(), "422 validation_failed /class invalid_value", "{bad}");
    }
    merchandiser.put("/v1/products/NONE/tax-class", json!({"class": "food"})).await.expect(404);
    merchandiser.post("/v1/products/TEA-1/archival", json!({})).await.expect(200);
    let archived = merchandiser.put(path, json!({"class": "books"})).await;
    assert_eq!(archived.refusal(), "422 product_archived");
}

fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

/// So many seconds after the shop's clock.
fn time(app: &TestApp, seconds: i64) -> DateTime<Utc> {
    app.now() + TimeDelta::seconds(seconds)
}

async fn schedule(
    client: &Client,
    price: &Value,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
) -> Reply {
    client.post(CHANGES, json!({"price": price, "from": from, "until": until})).await
}

/// The unit price of an order that is placed now, and the list price beside it.
async fn costs(client: &Client) -> Value {
    let receipt = client.post("/v1/orders", order(&[("TEA-1", 2)])).await.expect(201).json();
    let price = receipt["lines"][0]["unit_price"].clone();
    assert_eq!(receipt["total"]["amount"].as_i64(), price["amount"].as_i64().map(|amount| 2 * amount));
    price
}

/// Catches: a price that waits for a timer, and one of a cache.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_has_the_price_that_holds_when_it_is_placed() {
    let app = shop().await;
    let (merchandiser, alice) = (app.by(Role::Merchandiser), app.customer("alice"));
    let (from, until) = (time(&app, 60), time(&app, 120));
    let receipt = schedule(&merchandiser, &euros(999), from, Some(until)).await.expect(200);
    let receipt_json = receipt.json();
    assert_eq!((&receipt_json["id"], &receipt_json["version"]), (&json!("TEA-1"), &json!(3)));
    let id = receipt_json["price_change"].as_str().unwrap().to_owned();
    for shown in [
        app.anonymous.get("/v1/products/TEA-1").await.expect(200).json(),
        app.anonymous.get("/v1/products").await.expect(200).json()["data"][0].clone(),
    ] {
        assert_eq!((&shown["price"], &shown["prices"]), (&euros(1999), &json!([euros(1999)])));
        let change = json!({"id": id, "price": euros(999), "from": from, "until": until});
        assert_eq!(shown["price_changes"], json!([change]));
    }

    assert_eq!(costs(&alice).await, euros(1999));
    app.advance(59);
    assert_eq!(costs(&alice).await, euros(1999));
    app.advance(1);
    assert_eq!(costs(&alice).await, euros(999));
    // Another price that is set meanwhile counts afterwards.
    merchandiser.put("/v1/products/TEA-1/price", euros(2499)).await.expect(200);
    app.advance(59);
    assert_eq!(costs(&alice).await, euros(999));
    // What was agreed stands beside the price that holds.
    let mut agreed = order(&[("TEA-1", 1)]);
    (agreed["lines"][0]["unit_price"], agreed["override_reason"]) = (euros(500), json!("damaged"));
    let placed = app.by(Role::Support).post("/v1/orders", agreed).await.expect(201).json();
    let path = format!("/v1/orders/{}", placed["id"].as_str().unwrap());
    let line = app.by(Role::Support).get(&path).await.expect(200).json()["lines"][0].clone();
    assert_eq!((&line["unit_price"], &line["list_price"]), (&euros(500), &euros(999)));
    app.advance(1);
    assert_eq!(costs(&alice).await, euros(2499));
    let ended = merchandiser.delete(&format!("{CHANGES}/{id}")).await;
    assert_eq!(ended.refusal(), "404 not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_change_is_cancelled_before_or_while_it_holds() {
    let app = shop().await;
    let (merchandiser, alice) = (app.by(Role::Merchandiser), app.customer("alice"));
    let change = async |price: Value, seconds: i64| {
        let scheduled = schedule(&merchandiser, &price, time(&app, seconds), None).await.expect(200);
        scheduled.json()["price_change"].as_str().unwrap().to_owned()
    };
    let cancel = async |id: &str| merchandiser.delete(&format!("{CHANGES}/{id}")).await;
    let shown = async || {
        let product = app.anonymous.get("/v1/products/TEA-1").await.expect(200).json();
        let ids = product["price_changes"].as_array().unwrap().iter().map(|change| change["id"].clone());
        ids.collect::<Vec<_>>()
    };
    let now = change(euros(999), 0).await;
    let dollars = change(json!({"amount": 2100, "currency": "USD"}), -5).await;
    assert_eq!(shown().await, [json!(dollars), json!(now)]);
    assert_eq!(costs(&alice).await, euros(999));
    let receipt = cancel(&now).await.expect(200).json();
    assert_eq!((&receipt["id"], &receipt["version"]), (&json!("TEA-1"), &json!(5)));
    assert_eq!(costs(&alice).await, euros(1999));
    assert_eq!(shown().await, [json!(dollars)]);

    // A product has a price in a currency as long as a price change says so.
    let mut in_dollars = order(&[("TEA-1", 1)]);
    in_dollars["currency"] = json!("USD");
    let placed = alice.post("/v1/orders", in_dollars.clone()).await.expect(201).json();
    assert_eq!(placed["total"]["amount"], 2100);
    cancel(&dollars).await.expect(200);
    let refused = alice.post("/v1/orders", in_dollars).await.refusal();
    assert_eq!(refused, "422 price_not_available /lines/0 price_not_available");

    let later = change(euros(1), 1_000).await;
    cancel(&later).await.expect(200);
    assert_eq!(shown().await, Vec::<Value>::new());
    for gone in [later.as_str(), "prc_00000000000000000000000000000000", "1", "prc_"] {
        assert_eq!(cancel(gone).await.refusal(), "404 not_found", "{gone}");
    }
    let history = merchandiser.get("/v1/products/TEA-1/history").await.expect(200).json();
    let last = history["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last["what"], "ProductPriceChangeCancelled");
    assert_eq!(last["details"], json!({"price_change": later}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_change_that_cannot_be_is_refused() {
    let app = shop().await;
    let merchandiser = app.by(Role::Merchandiser);
    let asked = async |from: i64, until: Option<i64>| {
        let until = until.map(|until| time(&app, until));
        schedule(&merchandiser, &euros(1), time(&app, from), until).await.refusal()
    };
    let years = 3_653 * 86_400;
    for (from, until, pointer) in [
        (-61, None, "/from"),
        (years + 1, None, "/from"),
        (10, Some(10), "/until"),
        (10, Some(years + 1), "/until"),
    ] {
        let refused = asked(from, until).await;
        assert_eq!(refused, format!("422 validation_failed {pointer} validation_failed"), "{from} {until:?}");
    }
    for (body, refused) in [
        (json!({"from": time(&app, 1)}), "/price missing_field"),
        (json!({"price": euros(1)}), "/from missing_field"),
        (json!({"price": euros(-1), "from": time(&app, 1)}), "/price invalid_value"),
        (json!({"price": euros(1), "from": "tomorrow"}), "/from invalid_value"),
        (json!({"price": euros(1), "from": time(&app, 1), "to": null}), "/to unknown_field"),
    ] {
        let reply = merchandiser.post(CHANGES, body).await;
        assert_eq!(reply.refusal(), format!("422 validation_failed {refused}"));
    }
    for place in 0..20 {
        let (from, until) = (time(&app, 10 * (place + 1)), time(&app, 10 * (place + 2)));
        schedule(&merchandiser, &euros(place), from, Some(until)).await.expect(200);
    }
    assert_eq!(asked(209, None).await, "422 price_change_overlaps");
    assert_eq!(asked(210, None).await, "422 too_many_price_changes");
    app.advance(20);
    // Parts of a second are left out, and a repeat is answered as it was.
    let half = json!({"price": euros(7), "from": time(&app, 400) + TimeDelta::milliseconds(500)});
    let first = merchandiser.post_keyed(CHANGES, "half", half.clone()).await.expect(200);
    let again = merchandiser.post_keyed(CHANGES, "half", half).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
    let product = app.anonymous.get("/v1/products/TEA-1").await.expect(200).json();
    let last = product["price_changes"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["id"], &last["from"]), (&first.json()["price_change"], &json!(time(&app, 400))));

    let nothing = merchandiser
        .post("/v1/products/NONE/price-changes", json!({"price": euros(1), "from": time(&app, 1)}));
    assert_eq!(nothing.await.refusal(), "404 not_found");
    merchandiser.post("/v1/products/TEA-1/archival", json!({})).await.expect(200);
    assert_eq!(asked(900, None).await, "422 product_archived");
}

/// Catches: an event that a release before this one can't read, in a database that both may share.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_without_the_feature_has_no_tax_classes_and_schedules_no_prices() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let merchandiser = app.by(Role::Merchandiser);
    let refused = merchandiser.put("/v1/products/TEA-1/tax-class", json!({"class": "food"})).await;
    assert_eq!(refused.refusal(), "422 validation_failed /class validation_failed");
    assert!(refused.text().contains("it needs the feature tax"), "{}", refused.text());
    let refused = schedule(&merchandiser, &euros(1), time(&app, 1), None).await.refusal();
    assert_eq!(refused, "422 validation_failed /price validation_failed");
    let refused = merchandiser.delete(&format!("{CHANGES}/prc_{}", "0".repeat(32))).await.refusal();
    assert_eq!(refused, "422 validation_failed /id validation_failed");
}
