//! Closed-loop load over gRPC: callers share connections, as clients of gRPC do, and each places its next order when the
//! last one is answered. A call costs the generator about 15 µs of processor time, and one over HTTP 10.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use daybook_grpc::protocol::v1::{PlaceOrderLine, PlaceOrderRequest};
use daybook_tests::{raw_door, shop::new_id};
use h2::client::{self, SendRequest};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;

use crate::{
    generator::{Load, Talked, on_a_thread, talk_all},
    orders::sku_of,
    server::SUBJECTS,
};

const CONNECTIONS: u64 = 4;
const METHOD: &str = "http://daybook/daybook.v1.OrderService/PlaceOrder";

type Calls = SendRequest<Bytes>;

/// Places orders of one line by `callers` for `duration`.
pub async fn place(
    door: SocketAddr,
    callers: u64,
    duration: Duration,
    skus: u64,
    tokens: Arc<Vec<String>>,
) -> Load {
    on_a_thread(move || async move {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(connect(door).await);
        }
        let until = Instant::now() + duration;
        let clients = (0..callers).map(|caller| {
            let calls = connections[(caller % CONNECTIONS) as usize].clone();
            let (mut number, tokens) = (caller, Arc::clone(&tokens));
            async move {
                let mut talked = Talked::default();
                while Instant::now() < until {
                    let message = order(number, skus);
                    let begun = Instant::now();
                    let trailers = call(&calls, &tokens[(number % SUBJECTS) as usize], message).await;
                    match trailers.get("grpc-status") {
                        Some(status) if status == "0" => talked.good(begun),
                        _ => talked.bad(&format!("{trailers:?}")),
                    }
                    number += callers;
                }
                talked
            }
        });
        talk_all(clients).await
    })
    .await
}

async fn connect(door: SocketAddr) -> Calls {
    let stream = TcpStream::connect(door).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let (calls, connection) = client::handshake(stream).await.expect("it speaks HTTP/2");
    tokio::task::spawn_local(async move { connection.await.expect("the connection stays") });
    calls
}

fn order(number: u64, skus: u64) -> Bytes {
    let line = PlaceOrderLine { sku: sku_of(number, skus), quantity: 1, unit_price: None };
    let order = PlaceOrderRequest {
        idempotency_key: new_id().simple().to_string(),
        lines: vec![line],
        currency: "EUR".into(),
        ..PlaceOrderRequest::default()
    };
    raw_door::message(&order).into()
}

/// The trailers, or the headers if there is nothing else.
async fn call(calls: &Calls, token: &str, message: Bytes) -> HeaderMap {
    let request = Request::post(METHOD)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {token}"))
        .body(())
        .expect("a request");
    let mut calls = calls.clone().ready().await.expect("the connection stays");
    let (answer, mut body) = calls.send_request(request, false).expect("it is sent");
    body.send_data(message, true).expect("it is sent");
    let (head, mut body) = answer.await.expect("it is answered").into_parts();
    while let Some(part) = body.data().await {
        let bytes = part.expect("it is answered to its end").len();
        body.flow_control().release_capacity(bytes).expect("it was received");
    }
    body.trailers().await.expect("it is answered to its end").unwrap_or(head.headers)
}
