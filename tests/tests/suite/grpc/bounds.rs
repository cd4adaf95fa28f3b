use daybook_domain::policy::Role;
use daybook_grpc::protocol::v1::*;
use daybook_tests::{TestApp, grpc::Grpc};
use tokio::{net::TcpStream, task::JoinSet};
use tonic::Code;

use super::{order, refusal};
use crate::door::plain_shop;

async fn shop() -> TestApp {
    plain_shop(|_| {}).await
}

/// Catches: a message that may be larger than a body of HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_has_a_size() {
    let app = shop().await;
    let alice = Grpc::named(&app, "alice", Role::Customer);
    let most = app.config.http.max_body.in_memory();
    let large = PlaceOrderRequest { external_id: Some("x".repeat(most)), ..order("k1", "TEA-1", 1) };
    let status = alice.orders().place_order(large).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
    alice.orders().place_order(order("k1", "TEA-1", 1)).await.unwrap();
}

/// Catches: a connection that may have any number of calls under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_told_how_many_calls_it_may_have() {
    let app = shop().await;
    let stream = TcpStream::connect(app.door()).await.unwrap();
    let (mut calls, connection) = h2::client::handshake(stream).await.unwrap();
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let request = http::Request::post(format!("http://{}/daybook.v1.OrderService/None", app.door()));
    let request = request.header("content-type", "application/grpc").body(()).unwrap();
    let (answer, _) = calls.send_request(request, true).unwrap();
    answer.await.unwrap();
    assert_eq!(calls.current_max_send_streams(), 256);
    drop(calls);
    connections.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_a_size() {
    let app = shop().await;
    let admin = Grpc::by(&app, Role::Admin);
    let refused = (Code::InvalidArgument, "malformed_request".to_owned());
    for size in [-1, 101] {
        let orders = ListOrdersRequest { page_size: size, ..ListOrdersRequest::default() };
        assert_eq!(refusal(admin.orders().list_orders(orders).await), refused);
        let products = ListProductsRequest { page_size: size, ..ListProductsRequest::default() };
        assert_eq!(refusal(admin.catalog().list_products(products).await), refused);
        let events = ListEventsRequest { page_size: size, ..ListEventsRequest::default() };
        assert_eq!(refusal(admin.events().list_events(events).await), refused);
    }
    let token = ListOrdersRequest { page_token: "nonsense".into(), ..ListOrdersRequest::default() };
    assert_eq!(refusal(admin.orders().list_orders(token).await), refused);
    let time = prost_types::Timestamp { seconds: i64::MAX, nanos: -1 };
    let never = ListOrdersRequest { placed_from: Some(time), ..ListOrdersRequest::default() };
    assert_eq!(refusal(admin.orders().list_orders(never).await), refused);
    let unknown = ListOrdersRequest { status: Some(99), ..ListOrdersRequest::default() };
    assert_eq!(refusal(admin.orders().list_orders(unknown).await), refused);
}
