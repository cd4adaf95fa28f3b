//! Commands of gRPC beside those of HTTP.

use std::time::Duration;

use daybook_domain::{feature::Feature, policy::Role};
use daybook_grpc::protocol::v1::*;
use daybook_tests::{grpc::Grpc, raw_door, until};
use serde_json::json;
use tonic::{Code, Request};

use super::{order, refusal};
use crate::{
    committer::faults::{give_append_lock, take_append_lock},
    door::{plain_shop, plain_shop_having},
    http::orders::order as body,
};

/// Catches: a key that is known to one interface only.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_the_same_over_http_and_grpc() {
    let app = plain_shop(|_| {}).await;
    let (http, alice) = (app.customer("alice"), Grpc::named(&app, "alice", Role::Customer));
    let placed_count = "SELECT count(*) FROM events WHERE event_type = 'OrderPlaced'";

    let first = http.post_keyed("/v1/orders", "one", body(&[("TEA-1", 2)])).await.expect(201).json();
    let again = alice.orders().place_order(order("one", "TEA-1", 2)).await.unwrap().into_inner();
    let receipt = again.order.unwrap();
    assert!(again.replayed);
    assert_eq!((json!(receipt.id), json!(again.position)), (first["id"].clone(), first["position"].clone()));

    let second = alice.orders().place_order(order("two", "TEA-1", 1)).await.unwrap().into_inner();
    let again = http.post_keyed("/v1/orders", "two", body(&[("TEA-1", 1)])).await.expect(201);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.json()["id"], json!(second.order.unwrap().id));
    assert_eq!(app.database.count(placed_count).await, 2);

    let other = alice.orders().place_order(order("one", "TEA-1", 3)).await;
    assert_eq!(refusal(other), (Code::FailedPrecondition, "idempotency_key_reused".into()));
}

/// Catches: a key in metadata that is not looked at, or is over the one of the message.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_come_as_metadata() {
    let app = plain_shop(|_| {}).await;
    let alice = Grpc::named(&app, "alice", Role::Customer);
    let keyed = |key: &str, in_message: &str| {
        let mut request = Request::new(order(in_message, "TEA-1", 1));
        request.metadata_mut().insert("idempotency-key", key.parse().unwrap());
        request
    };
    let placed = alice.orders().place_order(keyed("\"k 1\"", "")).await.unwrap().into_inner();
    let again = alice.orders().place_order(order("k 1", "TEA-1", 1)).await.unwrap().into_inner();
    assert_eq!((again.replayed, again.position), (true, placed.position));
    let both = alice.orders().place_order(keyed("k", "k")).await.unwrap().into_inner();
    assert!(!both.replayed);
    let differ = alice.orders().place_order(keyed("k1", "k2")).await;
    assert_eq!(refusal(differ), (Code::InvalidArgument, "malformed_request".into()));
    let none = alice.orders().place_order(order("", "TEA-1", 1)).await;
    assert_eq!(refusal(none), (Code::InvalidArgument, "idempotency_key_required".into()));
}

/// Catches: a call that is answered CANCELLED although its client waits, and one that waits for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_until_its_deadline() {
    let app = plain_shop(|_| {}).await;
    let alice = Grpc::named(&app, "alice", Role::Customer);
    let mut foreign = app.database.foreign_session().await;
    take_append_lock(&mut foreign).await;
    // As bytes: the library's client has a timer of its own, which may be over first.
    let bearer = format!("Bearer {}", app.token("alice", &[Role::Customer]));
    for (time, status) in [("300m", "4"), ("soon", "3")] {
        let headers = [("authorization", bearer.as_str()), ("grpc-timeout", time)];
        let (path, asked) = ("daybook.v1.OrderService/PlaceOrder", order("slow", "TEA-1", 1));
        let answered = raw_door::call_path::<PlaceOrderResponse>(app.door(), path, &headers, &asked).await;
        assert_eq!(answered.refused(), Some(status), "{time}");
    }
    give_append_lock(&mut foreign).await;
    // It was queued: with the same key, it is answered.
    until("the first one is done", async || {
        app.database.count("SELECT count(*) FROM events WHERE event_type = 'OrderPlaced'").await == 1
    })
    .await;
    let mut request = Request::new(order("slow", "TEA-1", 1));
    request.set_timeout(Duration::from_secs(20));
    assert!(alice.orders().place_order(request).await.unwrap().into_inner().replayed);
    let ahead = GetOrderRequest {
        id: "ord_019b0000000070008000000000000001".into(),
        min_position: Some(i64::MAX),
        ..GetOrderRequest::default()
    };
    let ahead = alice.orders().get_order(ahead).await;
    assert_eq!(refusal(ahead), (Code::InvalidArgument, "malformed_request".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_whole_orders_are_cancelled() {
    let app = plain_shop_having(&[Feature::CancelLines], |_| {}).await;
    let alice = Grpc::named(&app, "alice", Role::Customer);
    let placed = alice.orders().place_order(order("k1", "TEA-1", 5)).await.unwrap().into_inner();
    let id = placed.order.unwrap().id;
    let cancel = |key: &str, lines: Vec<CancelOrderLine>, whole_order: bool| CancelOrderRequest {
        id: id.clone(),
        idempotency_key: key.into(),
        reason: Some("Too many.".into()),
        lines,
        whole_order,
        expected_version: None,
    };
    let lines = [
        CancelOrderLine { line: Some(0), sku: None, quantity: 1 },
        CancelOrderLine { sku: Some("TEA-1".into()), line: None, quantity: 1 },
    ];
    let nameless = CancelOrderLine { quantity: 1, ..CancelOrderLine::default() };
    let refused = alice.orders().cancel_order(cancel("k2", vec![nameless], false)).await;
    assert_eq!(refusal(refused), (Code::InvalidArgument, "validation_failed".into()));
    alice.orders().cancel_order(cancel("k3", lines[..1].to_vec(), false)).await.unwrap();
    let partly = cancel("k4", lines[1..].to_vec(), false);
    let partly = alice.orders().cancel_order(partly).await.unwrap().into_inner();
    assert_eq!(partly.order.unwrap().status(), OrderStatus::Placed);
    let unsaid = alice.orders().cancel_order(cancel("k5", vec![], false)).await;
    assert_eq!(refusal(unsaid), (Code::InvalidArgument, "validation_failed".into()));
    let both = alice.orders().cancel_order(cancel("k5", lines[..1].to_vec(), true)).await;
    assert_eq!(refusal(both), (Code::InvalidArgument, "malformed_request".into()));
    let whole = alice.orders().cancel_order(cancel("k5", vec![], true)).await.unwrap().into_inner();
    assert_eq!(whole.order.unwrap().status(), OrderStatus::Cancelled);
}
