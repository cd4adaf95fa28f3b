use daybook_domain::policy::Role;
use daybook_tests::{Log, TestApp, metrics::counted};
use serde_json::json;
use tokio::task::JoinSet;

use super::orders::order;

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_same_bytes() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let alice = app.customer("alice");
    let first = alice.post_keyed("/v1/orders", "K-1", order(&[("TEA-1", 10)])).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    // Bare and quoted are the same key; that the stock is gone changes nothing.
    for key in ["K-1", "\"K-1\""] {
        let repeat = alice.post_keyed("/v1/orders", key, order(&[("TEA-1", 10)])).await.expect(201);
        assert_eq!(repeat.header("idempotent-replayed"), Some("true"));
        assert_eq!(repeat.body, first.body);
        for header in ["etag", "location", "daybook-position", "content-type"] {
            assert_eq!(repeat.header(header), first.header(header), "{header}");
        }
    }
    let other = alice.post_keyed("/v1/orders", "K-1", order(&[("TEA-1", 9)])).await;
    assert_eq!(other.refusal(), "422 idempotency_key_reused");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    let elsewhere = alice.post_keyed(&format!("/v1/orders/{id}/cancellation"), "K-1", json!({})).await;
    assert_eq!(elsewhere.refusal(), "422 idempotency_key_reused");
    let bobs = app.customer("bob").post_keyed("/v1/orders", "K-1", order(&[("TEA-1", 10)])).await;
    assert!(bobs.refusal().starts_with("422 insufficient_stock"));
    assert_eq!(Log::check(&app.database.superuser).await.orders().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_required_where_money_or_stock_moves() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let id = super::orders::place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    for (role, path, body) in [
        (Role::Customer, "/v1/orders".to_owned(), order(&[("TEA-1", 1)])),
        (Role::Warehouse, "/v1/stock/TEA-1/receipts".into(), json!({"quantity": 1})),
        (Role::Warehouse, "/v1/stock/TEA-1/adjustments".into(), json!({"delta": 1, "reason": "x"})),
        (Role::Support, format!("/v1/orders/{id}/confirmation"), json!({})),
        (Role::Warehouse, format!("/v1/orders/{id}/shipments"), json!({})),
        (Role::Support, format!("/v1/orders/{id}/cancellation"), json!({})),
    ] {
        let client = app.by(role);
        let reply = client.send(client.request(reqwest::Method::POST, &path).json(&body)).await;
        assert_eq!(reply.refusal(), "400 idempotency_key_required", "{path}");
    }
    let alice = app.customer("alice");
    for bad in ["", "two words", "\"open", &"k".repeat(256)] {
        let reply = alice.post_keyed("/v1/orders", bad, order(&[("TEA-1", 1)])).await;
        assert_eq!(reply.status, 400, "{bad}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_with_one_key_one_is_done() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let mut asked = JoinSet::new();
    for _ in 0..20 {
        let alice = app.customer("alice");
        asked.spawn(async move { alice.post_keyed("/v1/orders", "K", order(&[("TEA-1", 1)])).await });
    }
    let replies = asked.join_all().await;
    let done: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert!(!done.is_empty() && done.iter().all(|reply| reply.body == done[0].body));
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.refusal(), "409 idempotency_in_flight");
    }
    assert_eq!(Log::check(&app.database.superuser).await.orders().len(), 1);
}

/// Catches: repeats that only the append finds, so that everything beside them is decided twice.
#[tokio::test(flavor = "multi_thread")]
async fn repeats_are_answered_without_others_being_decided_again() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1_000).await;
    let alice = app.customer("alice");
    let path = "/v1/orders";
    let first = alice.post_keyed(path, "K", order(&[("TEA-1", 1)])).await.expect(201);
    for round in 0..10 {
        let mut asked = JoinSet::new();
        for number in 0..10 {
            let alice = app.customer("alice");
            let key = if number == 5 { "K".to_owned() } else { format!("{round}-{number}") };
            asked.spawn(async move {
                (number == 5, alice.post_keyed(path, &key, order(&[("TEA-1", 1)])).await.expect(201))
            });
        }
        for (is_repeat, reply) in asked.join_all().await {
            assert_eq!(reply.header("idempotent-replayed").is_some(), is_repeat);
            assert_eq!(reply.body == first.body, is_repeat);
        }
    }
    let other = alice.post_keyed(path, "K", order(&[("TEA-1", 2)])).await;
    assert_eq!(other.refusal(), "422 idempotency_key_reused");
    assert_eq!(counted("daybook_committer_redecided_batches_total"), 0.0);
    assert_eq!(Log::check(&app.database.superuser).await.orders().len(), 91);
}
