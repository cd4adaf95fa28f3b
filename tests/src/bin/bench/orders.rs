//! The requests that are sent, and a catalogue for them.

use std::sync::Arc;

use daybook_domain::policy::Role;
use daybook_tests::shop::new_id;

use crate::{
    generator::{self, Make},
    server::{Daybook, SUBJECTS},
};

/// Makes and publishes `skus` products, with stock of at least 100,000 pieces each and some millions in all.
pub async fn stock_up(daybook: &Daybook, skus: u64) {
    let product = |sku: u64| {
        let body = format!(
            r#"{{"sku":"SKU-{sku}","name":"Product {sku}","price":{{"amount":499,"currency":"EUR"}}}}"#
        );
        ("/v1/products".to_owned(), body)
    };
    send_all(daybook, skus, product).await;
    send_all(daybook, skus, |sku| (format!("/v1/products/SKU-{sku}/publication"), "{}".into())).await;
    receive(daybook, skus.max(100), move |number| number % skus).await;
}

/// `deliveries` of 100,000 pieces each, of the SKUs that `sku` says.
pub async fn receive(daybook: &Daybook, deliveries: u64, sku: impl Fn(u64) -> u64 + Send + Sync + 'static) {
    let receipt = move |number| {
        (format!("/v1/stock/SKU-{}/receipts", sku(number)), r#"{"quantity":100000}"#.to_owned())
    };
    send_all(daybook, deliveries, receipt).await;
}

/// Sends `count` requests, and no more.
async fn send_all(
    daybook: &Daybook,
    count: u64,
    request: impl Fn(u64) -> (String, String) + Send + Sync + 'static,
) {
    let tokens = daybook.tokens(Role::Admin);
    let make: Make = Arc::new(move |number, bytes| {
        let (path, body) = request(number);
        post(bytes, &path, &tokens[(number % SUBJECTS) as usize], &body);
    });
    let load = generator::run_count(daybook.api, 64, count, make).await;
    assert_eq!((load.good, load.bad), (count, 0), "the catalogue is made");
}

/// Orders of one line, by many customers, for SKUs in a scattered order.
pub fn orders(daybook: &Daybook, skus: u64) -> Make {
    let tokens = daybook.tokens(Role::Customer);
    Arc::new(move |number, request| order(number, skus, &tokens, request))
}

pub fn order(number: u64, skus: u64, tokens: &[String], request: &mut Vec<u8>) {
    let sku = sku_of(number, skus);
    let body = format!(r#"{{"lines":[{{"sku":"{sku}","quantity":1}}],"currency":"EUR"}}"#);
    post(request, "/v1/orders", &tokens[(number % SUBJECTS) as usize], &body);
}

/// What the order of that number is for.
pub fn sku_of(number: u64, skus: u64) -> String {
    // A large prime scatters the SKUs.
    format!("SKU-{}", number.wrapping_mul(7_919) % skus)
}

fn post(request: &mut Vec<u8>, path: &str, token: &str, body: &str) {
    use std::io::Write;
    write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: daybook\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {}\r\nContent-Length: {}\r\n\r\n{body}",
        new_id().simple(),
        body.len()
    )
    .expect("a Vec takes everything");
}
