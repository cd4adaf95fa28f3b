//! What is answered again and again, as Server-Sent Events.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Live, TestApp};
use reqwest::Method;
use serde_json::{Value, json};

use super::{ask, data};
use crate::http::orders::{order, place};

async fn subscribe(client: &Client, query: &str) -> Live {
    open(client, json!({ "query": query })).await
}

pub(super) async fn open(client: &Client, body: Value) -> Live {
    let request = client.request(Method::POST, "/graphql").header("accept", "text/event-stream");
    let response = request.json(&body).send().await.expect("the server answers");
    assert_eq!(response.status(), 200);
    Live::of(response)
}

/// The next answer.
pub(super) async fn next(live: &mut Live) -> Value {
    let frame = live.event().await;
    assert_eq!(frame.event.as_deref(), Some("next"));
    frame.data.expect("an answer")
}

/// Says that it is complete, and ends.
async fn completes(mut live: Live) {
    loop {
        let frame = live.frame().await.expect("it doesn't break off").expect("it says that it is complete");
        if frame.event.is_some() {
            assert_eq!(frame.event.as_deref(), Some("complete"));
            return live.end().await;
        }
    }
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Catches: a change between the first answer and the look at the log, and one that is told twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_shown_and_again_whenever_it_has_changed() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let (alice, support) = (app.customer("alice"), app.by(Role::Support));
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    let other = place(&alice, order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let query = format!(
        "subscription {{ now: order(id: \"{id}\") {{ id status version lines {{ product {{ name }} }} }} }}"
    );
    let mut live = subscribe(&alice, &query).await;
    let answer = |status: &str, version: i64| {
        let lines = json!([{ "product": { "name": "Product TEA-1" } }]);
        json!({ "data": { "now": { "id": id, "status": status, "version": version, "lines": lines } } })
    };
    assert_eq!(next(&mut live).await, answer("PLACED", 1));
    for id in [&other, &id] {
        support.post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    }
    assert_eq!(next(&mut live).await, answer("CONFIRMED", 2));
    app.by(Role::Warehouse).post(&format!("/v1/orders/{id}/shipments"), json!({})).await.expect(200);
    assert_eq!(next(&mut live).await, answer("SHIPPED", 3));
    let status = format!("subscription {{ order(id: \"{id}\") {{ status }} }}");
    let mut second = subscribe(&alice, &status).await;
    assert_eq!(next(&mut second).await, json!({ "data": { "order": { "status": "SHIPPED" } } }));
    for (client, refusal) in [
        (&app.customer("bob"), "not_found"),
        (&app.by(Role::Analyst), "forbidden"),
        (&app.anonymous, "unauthenticated"),
    ] {
        let mut live = subscribe(client, &status).await;
        let answer = next(&mut live).await;
        assert_eq!((code(&answer), &answer["data"]), (refusal, &json!({ "order": null })));
        completes(live).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_followed_by_who_may_read_it() {
    let app = TestApp::start_with(|config| config.live.max_streams_per_subject = 2).await;
    app.sell("TEA-1", 1999, 100).await;
    let analyst = app.by(Role::Analyst);
    let query =
        "subscription { events(types: \"OrderPlaced,OrderConfirmed\") { type position stream payload } }";
    let mut live = subscribe(&analyst, query).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let placed = next(&mut live).await["data"]["events"].clone();
    assert_eq!((&placed["type"], &placed["stream"]), (&json!("OrderPlaced"), &json!(format!("order/{id}"))));
    // From a position on, what was appended before comes first.
    let mut all = subscribe(&analyst, "subscription { events(after: \"1\") { type position } }").await;
    assert_eq!(
        next(&mut all).await,
        json!({ "data": { "events": { "type": "ProductPublished", "position": 2 } } })
    );
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    assert_eq!(next(&mut live).await["data"]["events"]["type"], "OrderConfirmed");
    // Places are those of all who follow the log.
    let third = analyst.request(Method::POST, "/graphql").header("accept", "text/event-stream");
    assert_eq!(analyst.send(third.json(&json!({ "query": query }))).await.refusal(), "429 rate_limited");
    assert_eq!(
        analyst
            .send(analyst.request(Method::GET, "/v1/events").header("accept", "text/event-stream"))
            .await
            .status,
        429
    );
    drop(all);
    let mut refused = subscribe(&app.customer("alice"), query).await;
    assert_eq!(code(&next(&mut refused).await), "forbidden");
    completes(refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_ends_with_its_token_and_with_the_server() {
    let mut app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let query = format!("subscription {{ order(id: \"{id}\") {{ status }} }}");
    let mut live = subscribe(&app.customer("alice"), &query).await;
    next(&mut live).await;
    app.advance(2 * 3_600);
    let last = next(&mut live).await;
    assert_eq!((code(&last), &last["data"]), ("unauthenticated", &json!({ "order": null })));
    completes(live).await;
    // A server that goes down doesn't say that it is complete, so its clients come back.
    let mut live = subscribe(&app.customer("alice"), &query).await;
    next(&mut live).await;
    app.stop().await;
    while let Some(frame) = live.frame().await.expect("it ends and doesn't break off") {
        assert_eq!(frame.event, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_answers_any_operation_and_a_subscription_needs_one() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.settle().await;
    let mut once = subscribe(&app.anonymous, "{ product(sku: \"TEA-1\") { sku } }").await;
    assert_eq!(next(&mut once).await, json!({ "data": { "product": { "sku": "TEA-1" } } }));
    completes(once).await;
    let admin = app.by(Role::Admin);
    let reply = ask(&admin, "subscription { events { type } }").await.expect(200).json();
    assert_eq!(reply["errors"][0]["message"], "a subscription is answered as text/event-stream");
    for bad in [
        "subscription { events { type } more: events { type } }",
        "subscription { __typename }",
        "subscription { nothing }",
    ] {
        let request = admin.request(Method::POST, "/graphql").header("accept", "text/event-stream");
        admin.send(request.json(&json!({ "query": bad }))).await.expect(400);
    }
    for bad in ["99999999", "x", "-1"] {
        let query = format!("subscription {{ events(after: \"{bad}\") {{ type }} }}");
        let request = admin.request(Method::POST, "/graphql").header("accept", "text/event-stream");
        assert_eq!(
            admin.send(request.json(&json!({ "query": query }))).await.refusal(),
            "400 malformed_request",
            "{bad}"
        );
    }
    // A browser's EventSource asks by GET.
    let query = "query=subscription%20%7B%20events(after%3A%20%220%22)%20%7B%20type%20%7D%20%7D";
    let got = admin.request(Method::GET, &format!("/graphql?{query}")).header("accept", "text/event-stream");
    let mut live = Live::of(got.send().await.expect("an answer"));
    assert_eq!(next(&mut live).await, json!({ "data": { "events": { "type": "ProductCreated" } } }));
    data(ask(&admin, "{ __typename }").await);
}
