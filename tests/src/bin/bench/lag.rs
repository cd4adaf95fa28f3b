//! From the answer to a command until a query shows what it did, while the server does half of what it can.

use std::time::{Duration, Instant};

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestDatabase, shop::new_id, until};
use reqwest::Method;
use serde_json::json;
use sqlx::postgres::PgListener;

use crate::{
    generator,
    orders::{orders, stock_up},
    report::{Report, quantile},
    server::Daybook,
};

const ROUNDS: usize = 5;
const SKUS: u64 = 1_000;
const SLICE: Duration = Duration::from_secs(10);
const CONNECTIONS: u64 = 64;
/// Between two orders that are watched.
const PAUSE: Duration = Duration::from_millis(20);
const NOTIFICATIONS: usize = 1_000;

pub async fn run() -> Report {
    let mut report = Report::new("lag", ROUNDS);
    report.condition("POST /v1/orders from 64 connections at half of the rate that they reach unthrottled, with relay, projections and reactor running");
    report.condition("one client places an order every 20 ms and asks for it with Daybook-Min-Position: from the one answer to the other");
    report.condition("beside it, on an idle database: from sending an INSERT with pg_notify to its arrival at a LISTENing session");

    let idle = TestDatabase::new().await;
    let database = TestDatabase::new().await;
    let daybook = Daybook::start(&database, "api,relay,projections,reactor");
    stock_up(&daybook, SKUS).await;
    let make = orders(&daybook, SKUS);
    let caught_up = || until("it has caught up", async || lag(&daybook) == 0.0);
    generator::run(daybook.api, CONNECTIONS, SLICE, 0, make.clone()).await;

    let (mut p50, mut p99, mut most, mut rates) = (vec![], vec![], vec![], vec![]);
    let (mut notified_p50, mut notified_p99) = (vec![], vec![]);
    for round in 1..=ROUNDS as u64 {
        let first = round * 2_000_000_000;
        caught_up().await;
        let full = generator::run(daybook.api, CONNECTIONS, SLICE, first, make.clone()).await;
        caught_up().await;
        let rate = full.per_second / 2.0;
        let load =
            generator::run_at(daybook.api, CONNECTIONS, rate, SLICE, first + 1_000_000_000, make.clone());
        let (load, waits) = tokio::join!(load, watch(&daybook, SLICE));
        assert_eq!(load.bad, 0, "every order is accepted");
        rates.push(load.per_second);
        p50.push(quantile(&waits, 0.5));
        p99.push(quantile(&waits, 0.99));
        most.push(quantile(&waits, 1.0));
        caught_up().await;
        let waits = notify(&idle).await;
        notified_p50.push(quantile(&waits, 0.5));
        notified_p99.push(quantile(&waits, 0.99));
    }
    report.figure("commands_per_second", &rates);
    report.figure("p50_ms", &p50);
    let ours = report.figure("p99_ms", &p99);
    report.figure("largest_ms", &most);
    report.figure("notify_p50_ms", &notified_p50);
    let notified = report.figure("notify_p99_ms", &notified_p99);
    report.ratio("p99_vs_notify", ours, notified);
    report
}

fn lag(daybook: &Daybook) -> f64 {
    daybook.metric("daybook_projection_lag_events")
}

/// Places orders and asks for them, for so long. How long each wait was, ms, sorted.
pub async fn watch(daybook: &Daybook, duration: Duration) -> Vec<f64> {
    let token = daybook.tokens(Role::Customer).remove(0);
    let client = Client::new(format!("http://{}", daybook.api)).with_token(token);
    let begun = Instant::now();
    let mut waits = Vec::new();
    while begun.elapsed() < duration {
        let body = json!({"lines": [{"sku": "SKU-1", "quantity": 1}], "currency": "EUR"});
        let placed = client.post_keyed("/v1/orders", &new_id().simple().to_string(), body).await;
        let placed = placed.expect(201);
        let answered = Instant::now();
        let path = format!("/v1/orders/{}", placed.json()["id"].as_str().expect("an id"));
        let position = placed.header("daybook-position").expect("a position").to_owned();
        let request = client.request(Method::GET, &path).header("daybook-min-position", position);
        client.send(request).await.expect(200);
        waits.push(answered.elapsed().as_secs_f64() * 1_000.0);
        tokio::time::sleep(PAUSE).await;
    }
    waits.sort_by(f64::total_cmp);
    waits
}

async fn notify(database: &TestDatabase) -> Vec<f64> {
    database.execute("CREATE TABLE IF NOT EXISTS bench_notified (number bigint PRIMARY KEY)").await;
    database.execute("TRUNCATE bench_notified").await;
    let mut listener = PgListener::connect(database.superuser_url().as_str()).await.expect("a session");
    listener.listen("bench").await.expect("LISTEN");
    let mut waits = Vec::new();
    for number in 0..NOTIFICATIONS {
        let sent = Instant::now();
        let insert = sqlx::query(
            "WITH added AS (INSERT INTO bench_notified VALUES ($1)) SELECT pg_notify('bench', $1::text)",
        )
        .bind(i64::try_from(number).expect("a small number"))
        .execute(&database.superuser);
        let (inserted, received) = tokio::join!(insert, async {
            let received = listener.recv().await;
            received.map(|_| sent.elapsed())
        });
        inserted.expect("an INSERT");
        waits.push(received.expect("a notification").as_secs_f64() * 1_000.0);
    }
    waits.sort_by(f64::total_cmp);
    waits
}
