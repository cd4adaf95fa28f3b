//! What an order comes to with its taxes, and why.

use daybook_domain::{feature::Feature, policy::Role, pricing::Mode};
use daybook_tests::TestApp;
use serde_json::{Value, json};

use super::orders::{order, place};

/// A shop in Germany, with two products that are taxed differently.
async fn shop(mode: Mode) -> TestApp {
    let app = TestApp::start_having(&[Feature::Tax], |config| {
        config.commands.tax.home = Some("DE".parse().unwrap());
        config.commands.tax.prices = mode;
    })
    .await;
    app.sell("TEAPOT", 1999, 100).await;
    app.sell("BOOK", 1000, 100).await;
    let class = json!({"class": "books"});
    app.by(Role::Merchandiser).put("/v1/products/BOOK/tax-class", class).await.expect(200);
    rate(&app, "DE", json!({"class": "standard", "rate": "19", "valid_from": "2021-01-01"})).await;
    rate(&app, "DE", json!({"class": "books", "rate": "7", "valid_from": "2021-01-01"})).await;
    app
}

pub async fn rate(app: &TestApp, country: &str, rate: Value) {
    app.by(Role::Admin).put(&format!("/v1/tax/{country}/rates"), rate).await.expect(200);
}

/// An order for a teapot and two books, which goes there.
fn to(country: &str) -> Value {
    let mut body = order(&[("TEAPOT", 1), ("BOOK", 2)]);
    body["ship_to"] = json!({"name": "Alice", "street": "1 Road", "city": "Town", "country": country});
    body
}

async fn shown(app: &TestApp, id: &str) -> Value {
    app.by(Role::Support).get(&format!("/v1/orders/{id}")).await.expect(200).json()
}

pub fn euros(amount: i64) -> Value {
    json!({"amount": amount, "currency": "EUR"})
}

#[tokio::test(flavor = "multi_thread")]
async fn taxes_are_in_gross_prices() {
    let app = shop(Mode::Gross).await;
    let alice = app.customer("alice");
    let placed = alice.post("/v1/orders", to("DE")).await.expect(201).json();
    assert_eq!(placed["total"], euros(3999));
    let shown = shown(&app, placed["id"].as_str().unwrap()).await;
    assert_eq!((&shown["total"], &shown["net"], &shown["tax"]), (&euros(3999), &euros(3549), &euros(450)));
    let taxes = &shown["taxes"];
    assert_eq!((&taxes["prices"], &taxes["country"]), (&json!("gross"), &json!("DE")));
    assert_eq!(
        (&taxes["region"], &taxes["taxed_in"], &shown["buyer"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(taxes["tax_date"], json!(app.now().date_naive().to_string()));
    let group = |class: &str, rate: &str, net, tax| json!({"class": class, "rate": rate, "reason": "standard", "net": euros(net), "tax": euros(tax)});
    assert_eq!(taxes["groups"], json!([group("standard", "19", 1680, 319), group("books", "7", 1869, 131)]));
    let line = |index: usize| (shown["lines"][index]["net"].clone(), shown["lines"][index]["tax"].clone());
    assert_eq!((line(0), line(1)), ((euros(1680), euros(319)), (euros(1869), euros(131))));
}

#[tokio::test(flavor = "multi_thread")]
async fn taxes_are_added_to_net_prices() {
    let app = shop(Mode::Net).await;
    let placed = app.customer("alice").post("/v1/orders", to("DE")).await.expect(201).json();
    let shown = shown(&app, placed["id"].as_str().unwrap()).await;
    assert_eq!(placed["total"], euros(4519));
    assert_eq!((&shown["total"], &shown["net"], &shown["tax"]), (&euros(4519), &euros(3999), &euros(520)));
    assert_eq!(shown["lines"][0]["total"], euros(1999));
    assert_eq!(shown["lines"][0]["tax"], euros(380));
}

/// Catches: rates of the wrong country, a tax that a business pays twice, and one on what leaves the Union.
#[tokio::test(flavor = "multi_thread")]
async fn where_an_order_goes_and_who_buys_decides_how_it_is_taxed() {
    let app = shop(Mode::Net).await;
    let alice = app.customer("alice");
    let taxed = async |body: Value| shown(&app, &place(&alice, body).await).await;
    let reasons = |shown: &Value| {
        let groups = shown["taxes"]["groups"].as_array().unwrap();
        groups.iter().map(|group| group["reason"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    let nowhere = taxed(order(&[("TEAPOT", 1)])).await;
    assert_eq!((&nowhere["taxes"]["country"], &nowhere["tax"]), (&json!("DE"), &euros(380)));
    let french = taxed(to("FR")).await;
    assert_eq!((&french["taxes"]["taxed_in"], &french["tax"]), (&json!("DE"), &euros(520)));
    let abroad = taxed(to("US")).await;
    assert_eq!(
        (reasons(&abroad), &abroad["tax"], &abroad["total"]),
        (vec!["export".to_owned()], &euros(0), &euros(3999))
    );

    let mut body = to("FR");
    body["buyer"] = json!({"kind": "business", "company": "Thé et Cie", "vat_id": "FR12345678901"});
    let business = taxed(body.clone()).await;
    assert_eq!(reasons(&business), ["intra_community"]);
    assert_eq!((&business["buyer"], &business["total"]), (&body["buyer"], &euros(3999)));
    // What is personal of it is sealed.
    let stored = "SELECT count(*) FROM events WHERE payload::text LIKE '%FR12345678901%' OR payload::text LIKE '%Cie%'";
    assert_eq!(app.database.count(stored).await, 0);

    body["buyer"]["vat_id"] = json!("FR1");
    let refused = alice.post("/v1/orders", body).await;
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (422, Some("validation_failed")),
        "{}",
        refused.text()
    );
}

const UNKNOWN: &str = "422 tax_unknown /lines/1 tax_unknown";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_tax_is_not_known_is_refused_and_holds_nothing() {
    let app = shop(Mode::Gross).await;
    app.sell("TEA", 500, 10).await;
    let class = json!({"class": "food"});
    app.by(Role::Merchandiser).put("/v1/products/TEA/tax-class", class).await.expect(200);
    let alice = app.customer("alice");
    let both = || order(&[("TEAPOT", 1), ("TEA", 1)]);
    let refused = alice.post("/v1/orders", both()).await;
    assert_eq!(refused.refusal(), UNKNOWN);
    assert!(refused.text().contains("food"), "{}", refused.text());
    app.settle().await;
    assert_eq!(app.by(Role::Warehouse).get("/v1/stock/TEAPOT").await.expect(200).json()["held"], 0);

    // A rate that begins tomorrow is of no use today.
    let tomorrow = (app.now() + chrono::TimeDelta::days(1)).date_naive();
    rate(&app, "DE", json!({"class": "food", "rate": "7", "valid_from": tomorrow})).await;
    assert_eq!(alice.post("/v1/orders", both()).await.refusal(), UNKNOWN);
    app.advance(86_400);
    place(&app.customer("alice"), both()).await;
}

/// Catches: a rate that changes what was placed before.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_keeps_the_rates_of_its_day() {
    let app = shop(Mode::Gross).await;
    let before = place(&app.customer("alice"), to("DE")).await;
    let tomorrow = (app.now() + chrono::TimeDelta::days(1)).date_naive();
    rate(&app, "DE", json!({"class": "standard", "rate": "16", "valid_from": tomorrow})).await;
    app.advance(86_400);
    let after = place(&app.customer("alice"), to("DE")).await;
    assert_eq!(shown(&app, &before).await["taxes"]["groups"][0]["rate"], "19");
    assert_eq!(shown(&app, &after).await["taxes"]["groups"][0]["rate"], "16");
}

/// Catches: taxes in a database whose other releases can't read them, or of a shop that is nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_without_the_feature_or_without_a_home_has_no_taxes() {
    for (features, home) in [(&[][..], Some("DE")), (&[Feature::Tax][..], None)] {
        let app = TestApp::start_having(features, |config| {
            config.commands.tax.home = home.map(|home| home.parse().unwrap());
        })
        .await;
        app.sell("TEAPOT", 1999, 100).await;
        let id = place(&app.customer("alice"), order(&[("TEAPOT", 1)])).await;
        let shown = shown(&app, &id).await;
        assert_eq!(shown["total"], euros(1999));
        let unknown = [&shown["net"], &shown["tax"], &shown["taxes"]];
        assert!(unknown.into_iter().all(Value::is_null), "{shown}");
        assert!(shown["lines"][0].get("tax").is_none(), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_warehouse_does_not_see_who_buys() {
    let app = shop(Mode::Gross).await;
    let mut body = to("DE");
    body["buyer"] = json!({"kind": "business", "company": "Tea and Co"});
    let id = place(&app.customer("alice"), body.clone()).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    let seen = app.by(Role::Warehouse).get(&format!("/v1/orders/{id}")).await.expect(200).json();
    assert_eq!((&seen["buyer"], &seen["ship_to"]["country"]), (&Value::Null, &json!("DE")));
    assert_eq!(shown(&app, &id).await["buyer"], body["buyer"]);
}
