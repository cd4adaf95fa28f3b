//! How things were.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::policy::Role;
use daybook_projections::Log;
use daybook_tests::{Client, Reply, TestApp};
use serde_json::{Value, json};

use super::orders::{order, place};

/// How a thing was shown when it was new.
struct Shown {
    position: i64,
    body: Value,
    etag: String,
}

async fn show(client: &Client, path: &str) -> Shown {
    let reply = client.get(path).await.expect(200);
    Shown { position: reply.position(), body: reply.json(), etag: reply.header("etag").unwrap().to_owned() }
}

fn is(reply: &Reply, shown: &Shown) {
    assert_eq!(reply.json(), shown.body);
    assert_eq!(reply.header("etag"), Some(shown.etag.as_str()));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().unwrap().parse().unwrap()
}

/// As in a query string.
fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

const JUST: TimeDelta = TimeDelta::microseconds(1);

/// Catches: a fold that leaves out the last event, or takes one more; a position that is not the asked one.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_shown_as_it_was_before_and_after_each_change() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (alice, support, warehouse) = (app.customer("alice"), app.by(Role::Support), app.by(Role::Warehouse));
    let mut body = order(&[("TEA-1", 2)]);
    body["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    let path = format!("/v1/orders/{}", place(&alice, body).await);
    let mut states = vec![show(&alice, &path).await];
    for (client, change) in [(&support, "confirmation"), (&warehouse, "shipments"), (&warehouse, "delivery")]
    {
        client.post(&format!("{path}/{change}"), json!({})).await.expect(200);
        states.push(show(&alice, &path).await);
    }
    for pair in states.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let reply = alice.get(&format!("{path}?as_of_position={}", before.position)).await.expect(200);
        is(&reply, before);
        assert_eq!(reply.position(), before.position);
        let changed = time(&after.body["updated_at"]);
        is(&alice.get(&format!("{path}?as_of={}", written(changed - JUST))).await.expect(200), before);
        let reply = alice.get(&format!("{path}?as_of={}", written(changed))).await.expect(200);
        is(&reply, after);
        // The whole batch has the same time.
        assert_eq!(reply.position(), after.position);
    }
    let (first, last) = (&states[0], states.last().unwrap());
    for moment in ["as_of=2999-01-01T00:00:00Z".to_owned(), format!("as_of_position={}", last.position)] {
        let reply = alice.get(&format!("{path}?{moment}")).await.expect(200);
        is(&reply, last);
        assert_eq!(reply.position(), last.position);
    }
    let placed = time(&first.body["placed_at"]);
    for before in [
        format!("as_of={}", written(placed - JUST)),
        "as_of=1970-01-01T00:00:00Z".into(),
        "as_of_position=0".into(),
        "as_of_position=1".into(),
    ] {
        assert_eq!(alice.get(&format!("{path}?{before}")).await.refusal(), "404 not_found", "{before}");
    }
    let known = alice.request(reqwest::Method::GET, &format!("{path}?as_of_position={}", first.position));
    alice.send(known.header("if-none-match", &first.etag)).await.expect(304);
}

/// Catches: a past that everybody may look into.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_for_those_who_could_see_it() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 2)])).await;
    let position = app.customer("alice").get(&format!("/v1/orders/{id}")).await.position();
    let path = format!("/v1/orders/{id}?as_of_position={position}");
    app.by(Role::Support).get(&path).await.expect(200);
    assert_eq!(app.customer("bob").get(&path).await.refusal(), "404 not_found");
    assert_eq!(app.by(Role::Analyst).get(&path).await.refusal(), "403 forbidden");
    assert_eq!(app.anonymous.get(&path).await.refusal(), "401 unauthenticated");
    let stock = format!("/v1/stock/TEA-1?as_of_position={position}");
    app.by(Role::Warehouse).get(&stock).await.expect(200);
    assert_eq!(app.customer("alice").get(&stock).await.refusal(), "403 forbidden");
    assert_eq!(app.anonymous.get(&stock).await.refusal(), "401 unauthenticated");
}

/// Catches: a status of today that alone decides about yesterday, or has no say in it, and answers about
/// the past in public caches.
#[tokio::test(flavor = "multi_thread")]
async fn a_published_product_is_for_everybody_at_the_times_when_it_was_published() {
    let app = TestApp::start().await;
    let merchandiser = app.by(Role::Merchandiser);
    let product = json!({"sku": "TEA-1", "name": "Tea", "price": {"amount": 1999, "currency": "EUR"}});
    let path = "/v1/products/TEA-1";
    let draft = merchandiser.post("/v1/products", product).await.expect(201).position();
    let published = merchandiser.post(&format!("{path}/publication"), json!({})).await.expect(200).position();
    let price = json!({"amount": 2500, "currency": "EUR"});
    let dearer = merchandiser.put(&format!("{path}/price"), price).await.expect(200).position();
    let gone = merchandiser.delete(&format!("{path}/publication")).await.expect(200).position();

    // What is withdrawn is withdrawn from the past, too.
    for position in [draft, published, dearer, gone] {
        let path = format!("{path}?as_of_position={position}");
        assert_eq!(app.anonymous.get(&path).await.refusal(), "404 not_found");
        assert_eq!(app.by(Role::Support).get(&path).await.refusal(), "404 not_found");
        merchandiser.get(&path).await.expect(200);
    }
    merchandiser.post(&format!("{path}/publication"), json!({})).await.expect(200);
    for (position, amount) in [(published, 1999), (dearer, 2500)] {
        let reply = app.anonymous.get(&format!("{path}?as_of_position={position}")).await.expect(200);
        assert_eq!(reply.json()["price"]["amount"], amount);
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.position(), position);
    }
    for position in [draft, gone] {
        let path = format!("{path}?as_of_position={position}");
        assert_eq!(app.anonymous.get(&path).await.refusal(), "404 not_found");
        assert_eq!(app.by(Role::Support).get(&path).await.refusal(), "404 not_found");
        let seen = merchandiser.get(&path).await.expect(200);
        assert_eq!(
            (&seen.json()["status"], seen.header("cache-control")),
            (&json!("draft"), Some("no-store"))
        );
    }
    // What is asked of the past is not kept as an answer about today.
    let today = app.anonymous.get(path).await.expect(200);
    assert!(today.header("cache-control").unwrap().starts_with("public"));
    assert_eq!(today.json()["price"]["amount"], 2500);
}

/// Catches: a fold that ends with its first page, or begins the second one anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_stream_is_folded_page_by_page() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let begun = app.database.count("SELECT max(position) FROM events").await;
    app.database.lengthen("TEA-1", 2_500).await;
    let warehouse = app.by(Role::Warehouse);
    for received in [0, 1, 998, 999, 1_000, 1_001, 1_999, 2_000, 2_500] {
        let path = format!("/v1/stock/TEA-1?as_of_position={}", begun + received);
        let stock = warehouse.get(&path).await.expect(200);
        let counts = json!({"sku": "TEA-1", "on_hand": 1 + received, "held": 0, "allocated": 0,
                            "available": 1 + received, "version": 1 + received});
        assert_eq!(stock.json(), counts);
    }
}

/// Batches share their time, so there are many places of the same one.
///
/// Catches: a search that stops one place too early or late, and one that takes the first of equals.
#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_a_time_is_what_counting_finds() {
    let app = TestApp::start().await;
    let log = Log::new(app.database.superuser.clone());
    let long_ago = DateTime::UNIX_EPOCH;
    assert_eq!(log.position_at(long_ago).await.unwrap().0, 0);
    app.sell("TEA-1", 1999, 10).await;
    app.database.lengthen("TEA-1", 7).await;
    place(&app.customer("alice"), order(&[("TEA-1", 2)])).await;
    app.database.lengthen("TEA-1", 20).await;
    let times: Vec<DateTime<Utc>> = sqlx::query_scalar("SELECT DISTINCT recorded_at FROM events")
        .fetch_all(&app.database.superuser)
        .await
        .unwrap();
    assert!(times.len() >= 4);
    for time in times.into_iter().flat_map(|time| [time - JUST, time, time + JUST]).chain([long_ago]) {
        let counted: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE recorded_at <= $1")
            .bind(time)
            .fetch_one(&app.database.superuser)
            .await
            .unwrap();
        assert_eq!(log.position_at(time).await.unwrap().0, counted, "{time}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_can_not_be_is_refused() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let admin = app.by(Role::Admin);
    let id = place(&admin, order(&[("TEA-1", 2)])).await;
    let head = app.database.count("SELECT max(position) FROM events").await;
    for path in [format!("/v1/orders/{id}"), "/v1/stock/TEA-1".into(), "/v1/products/TEA-1".into()] {
        admin.get(&format!("{path}?as_of_position={head}")).await.expect(200);
        for bad in [
            "as_of=".to_owned(),
            "as_of=yesterday".into(),
            "as_of=2026-01-31".into(),
            "as_of_position=x".into(),
            "as_of_position=-1".into(),
            "as_of=2026-01-31T12:00:00Z&as_of_position=1".into(),
            // What will be true there isn't known.
            format!("as_of_position={}", head + 1),
            format!("as_of_position={}", i64::MAX),
        ] {
            let reply = admin.get(&format!("{path}?{bad}")).await;
            assert_eq!(reply.refusal(), "400 malformed_request", "{path}?{bad}");
        }
        assert_eq!(admin.get(&format!("{path}?at=1")).await.refusal(), "400 unknown_parameter");
        // Within the bounds of what can be written, any time has an answer.
        admin.get(&format!("{path}?as_of=9999-12-31T23:59:59.999999999Z")).await.expect(200);
        assert_eq!(admin.get(&format!("{path}?as_of=0000-01-01T00:00:00Z")).await.refusal(), "404 not_found");
    }
    assert_eq!(admin.get("/v1/orders?as_of_position=1").await.refusal(), "400 unknown_parameter");
}

/// Catches: a fold of the past that no deadline ends.
#[tokio::test(flavor = "multi_thread")]
async fn the_past_has_a_deadline_too() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let mut foreign = app.database.foreign_session().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").execute(&mut foreign).await.unwrap();
    let warehouse = app.by(Role::Warehouse);
    for path in ["/v1/stock/TEA-1?as_of_position=1", "/v1/stock/TEA-1/history"] {
        let request = warehouse.request(reqwest::Method::GET, path).header("request-timeout-ms", "200");
        assert_eq!(warehouse.send(request).await.refusal(), "504 deadline_exceeded", "{path}");
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut foreign).await.unwrap();
}

/// Catches: a program whose times have milliseconds, and which can't ask for what it was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_time_in_milliseconds_is_the_whole_of_its_last_one() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let admin = app.by(Role::Admin);
    for path in ["/v1/products/TEA-1", "/v1/stock/TEA-1"] {
        let history = admin.get(&format!("{path}/history")).await.expect(200).json();
        for change in history["data"].as_array().unwrap() {
            let (at, version) = (time(&change["at"]), change["version"].as_i64());
            let cut = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            let shown = admin.get(&format!("{path}?as_of={cut}")).await.expect(200).json();
            assert!(shown["version"].as_i64() >= version, "{path} {at}: {shown}");
        }
    }
    let reply = admin.get("/v1/products/TEA-1?as_of=2026-01-31T14:00:00+02:00").await;
    assert_eq!(reply.refusal(), "400 malformed_request");
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("%2B"), "{detail}");
}
