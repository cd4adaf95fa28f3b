//! Tax rates of countries.

use chrono::TimeDelta;
use daybook_domain::{feature::Feature, policy::Role};
use daybook_tests::{Client, Reply, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

async fn shop() -> TestApp {
    TestApp::start_having(&[Feature::Tax], |_| {}).await
}

/// So many days from today.
fn day(app: &TestApp, number: i64) -> String {
    (app.now().date_naive() + TimeDelta::days(number)).to_string()
}

async fn set(client: &Client, country: &str, class: &str, rate: &str, valid_from: &str) -> Reply {
    let body = json!({"class": class, "rate": rate, "valid_from": valid_from});
    client.put(&format!("/v1/tax/{country}/rates"), body).await
}

/// Class, region, rate and both days of each.
fn rates(tax: &Value) -> Vec<Value> {
    let rates = tax["rates"].as_array().unwrap_or_else(|| panic!("{tax}"));
    let members = ["class", "region", "rate", "valid_from", "valid_until"];
    rates.iter().map(|rate| members.map(|member| rate[member].clone()).to_vec().into()).collect()
}

/// Catches: a rate in force that changes, and one that hasn't begun that can't be changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_can_be_changed_until_it_begins() {
    let app = shop().await;
    let (admin, support) = (app.by(Role::Admin), app.by(Role::Support));
    assert_eq!(support.get("/v1/tax/DE").await.refusal(), "404 not_found");
    assert_eq!(support.get("/v1/tax").await.expect(200).json()["data"], json!([]));

    let done = set(&admin, "DE", "standard", "19", "2021-01-01").await.expect(200);
    let receipt = json!({"id": "DE", "country": "DE", "version": 1, "position": done.position()});
    assert_eq!((done.header("etag"), done.json()), (Some("\"1\""), receipt));
    let again = set(&admin, "DE", "standard", "19.00", "2021-01-01").await.expect(200);
    assert_eq!(again.json()["version"], 1, "it is so already");
    let (today, tomorrow) = (day(&app, 0), day(&app, 1));
    set(&admin, "DE", "books", "5", &tomorrow).await.expect(200);
    let books = set(&admin, "DE", "books", "7", &tomorrow).await.expect(200);
    assert_eq!(set(&admin, "DE", "standard", "16", &today).await.refusal(), "422 tax_rate_in_force");
    assert_eq!(set(&admin, "DE", "standard", "16", "2020-07-01").await.refusal(), "422 tax_rate_in_force");
    set(&admin, "DE", "standard", "20.5", &day(&app, 30)).await.expect(200);

    let tax = support.get("/v1/tax/DE").await.expect(200);
    assert_eq!((tax.header("etag"), &tax.json()["country"]), (Some("\"4\""), &json!("DE")));
    let expected = [
        json!(["books", null, "7", tomorrow, null]),
        json!(["standard", null, "19", "2021-01-01", day(&app, 29)]),
        json!(["standard", null, "20.5", day(&app, 30), null]),
    ];
    assert_eq!(rates(&tax.json()), expected);
    let before = format!("/v1/tax/DE?as_of_position={}", books.position() - 1);
    let before = support.get(&before).await.expect(200).json();
    assert_eq!(rates(&before)[0], json!(["books", null, "5", tomorrow, null]));

    app.advance(TimeDelta::days(1).num_seconds());
    let admin = app.by(Role::Admin);
    assert_eq!(set(&admin, "DE", "books", "5", &tomorrow).await.refusal(), "422 tax_rate_in_force");
    set(&admin, "DE", "books", "5", &day(&app, 1)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_and_a_reason_are_shown_and_told() {
    let app = shop().await;
    let admin = app.by(Role::Admin);
    set(&admin, "US", "standard", "0", "2020-01-01").await.expect(200);
    let of_new_york =
        json!({"class": "standard", "region": "NY", "rate": "8.875", "valid_from": day(&app, 1)});
    admin.put("/v1/tax/US/rates", of_new_york).await.expect(200);
    let exempt = json!({"class": "insurance", "rate": "0", "reason": "exempt", "valid_from": "2020-01-01"});
    let done = admin.put("/v1/tax/US/rates", exempt).await.expect(200);
    set(&admin, "FR", "standard", "20", "2014-01-01").await.expect(200);
    app.settle().await;

    let merchandiser = app.by(Role::Merchandiser);
    let page = merchandiser.get("/v1/tax?limit=1").await.expect(200).json();
    assert_eq!((&page["data"][0]["country"], &page["has_more"]), (&json!("FR"), &json!(true)));
    let next = format!("/v1/tax?limit=1&after={}", page["next"].as_str().unwrap());
    let page = merchandiser.get(&next).await.expect(200).json();
    let tax = &page["data"][0];
    assert_eq!(*tax, merchandiser.get("/v1/tax/US").await.expect(200).json());
    let reasons: Vec<&Value> = tax["rates"].as_array().unwrap().iter().map(|rate| &rate["reason"]).collect();
    assert_eq!(reasons, ["exempt", "zero", "standard"]);
    assert_eq!(rates(tax)[2], json!(["standard", "NY", "8.875", day(&app, 1), null]));
    let back = format!("/v1/tax?limit=1&before={}", page["prev"].as_str().unwrap());
    assert_eq!(merchandiser.get(&back).await.expect(200).json()["data"][0]["country"], "FR");

    let analyst = app.by(Role::Analyst);
    let history = analyst.get("/v1/tax/US/history").await.expect(200).json();
    let change = &history["data"][2];
    assert_eq!((&change["what"], &change["who"]), (&json!("TaxRateSet"), &json!("admin")));
    let told = json!({"class": "insurance", "valid_from": "2020-01-01", "reason": "exempt"});
    assert_eq!((&change["details"], &change["why"]), (&told, &Value::Null));
    assert_eq!(history["data"][1]["details"]["rate_ppm"], 88_750);
    let events = analyst.get("/v1/events?stream=tax/US").await.expect(200).json();
    let last = &events["data"][2];
    assert_eq!((&last["type"], &last["payload"]), (&json!("TaxRateSet"), &told));
    assert_eq!(last["position"], done.position());
    let model = app.operator().get("/admin/projections/taxes").await.expect(200).json();
    assert_eq!(model["lag_events"], 0, "{model}");
}

/// Catches: two that both believe to be the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_set_on_the_version_that_was_seen() {
    let app = shop().await;
    let admin = app.by(Role::Admin);
    set(&admin, "DE", "standard", "19", "2021-01-01").await.expect(200);
    let on_the_first = async |rate: &str| {
        let body = json!({"class": "standard", "rate": rate, "valid_from": day(&app, 1)});
        let request = admin.request(Method::PUT, "/v1/tax/DE/rates").header("if-match", "\"1\"");
        admin.send(request.json(&body)).await
    };
    let (one, other) = tokio::join!(on_the_first("20"), on_the_first("21"));
    let (done, refused) = if one.status == 200 { (one, other) } else { (other, one) };
    assert_eq!(done.expect(200).header("etag"), Some("\"2\""));
    assert_eq!(refused.refusal(), "412 stale_version");
    assert_eq!(admin.get("/v1/tax/DE").await.expect(200).json()["rates"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_rate_is_named() {
    let app = shop().await;
    let admin = app.by(Role::Admin);
    let good = json!({"class": "books", "rate": "7", "valid_from": "2030-01-31"});
    for (member, value) in [
        ("class", json!("Books")),
        ("region", json!("ny")),
        ("rate", json!("101")),
        ("rate", json!("7.00001")),
        ("rate", json!("-7")),
        ("rate", json!(7)),
        ("reason", json!("because")),
        // These belong to another rate.
        ("reason", json!("exempt")),
        ("reason", json!("zero")),
        ("valid_from", json!("2030-1-31")),
        ("valid_from", json!("2030-02-30")),
        ("valid_from", json!("2030-01-31T00:00:00Z")),
        ("valid_from", json!("+10030-01-31")),
        ("colour", json!("red")),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let refused = admin.put("/v1/tax/DE/rates", body.clone()).await;
        let expected = format!("422 validation_failed /{member} ");
        assert!(refused.refusal().starts_with(&expected), "{body}: {}", refused.text());
    }
    for country in ["XX", "de", "DEU"] {
        let path = format!("/v1/tax/{country}/rates");
        assert_eq!(admin.put(&path, good.clone()).await.refusal(), "404 not_found", "{country}");
        assert_eq!(admin.get(&format!("/v1/tax/{country}")).await.refusal(), "404 not_found", "{country}");
    }
    assert_eq!(admin.get("/v1/tax/DE").await.refusal(), "404 not_found", "nothing was set");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_rates_without_the_feature() {
    let app = TestApp::start().await;
    let admin = app.by(Role::Admin);
    let refused = set(&admin, "DE", "standard", "19", "2021-01-01").await;
    assert_eq!(refused.refusal(), "422 validation_failed  validation_failed", "it is about all of the body");
    assert!(refused.text().contains("it needs the feature tax"), "{}", refused.text());
    assert_eq!(admin.get("/v1/tax/DE").await.refusal(), "404 not_found");
    app.database.execute("INSERT INTO features (name) VALUES ('tax')").await;
    set(&admin, "DE", "standard", "19", "2021-01-01").await.expect(200);
}
