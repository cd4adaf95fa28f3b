//! A thousand buyers of one SKU beside a thousand buyers of different ones.

use std::time::Duration;

use daybook_tests::TestDatabase;

use crate::{
    generator,
    orders::{orders, receive, stock_up},
    report::Report,
    server::Daybook,
};

const ROUNDS: usize = 5;
const SKUS: u64 = 10_000;
const SLICE: Duration = Duration::from_secs(5);

pub async fn run() -> Report {
    let mut report = Report::new("hot", ROUNDS);
    report
        .condition("64 connections; all orders for one SKU, and orders over 10,000 SKUs, in turn, both warm");
    let database = TestDatabase::new().await;
    let daybook = Daybook::start(&database, "api");
    stock_up(&daybook, SKUS).await;
    let (one, spread) = (orders(&daybook, 1), orders(&daybook, SKUS));
    receive(&daybook, 100, |_| 0).await;
    generator::run(daybook.api, 64, SLICE, 0, spread.clone()).await;
    let (mut hot, mut cold) = (vec![], vec![]);
    let mut p99_ms = vec![];
    for round in 1..=ROUNDS as u64 {
        let load = generator::run(daybook.api, 64, SLICE, round * 10_000_000_000, one.clone()).await;
        hot.push(load.per_second);
        p99_ms.push(load.p99_ms);
        let load = generator::run(daybook.api, 64, SLICE, round * 20_000_000_000, spread.clone()).await;
        cold.push(load.per_second);
    }
    let oversold = database
        .count(
            "SELECT count(*) FROM (
                SELECT sum(CASE event_type WHEN 'StockReceived' THEN (payload->>'quantity')::bigint
                                           WHEN 'StockHeld' THEN -(payload->>'quantity')::bigint END) AS available
                  FROM events WHERE aggregate_type = 'stock' GROUP BY aggregate_id) s
              WHERE available < 0",
        )
        .await;
    let hot = report.figure("hot_commands_per_second", &hot);
    let cold = report.figure("spread_commands_per_second", &cold);
    report.figure("hot_p99_ms", &p99_ms);
    report.figure("oversold", &[oversold as f64]);
    report.ratio("hot_vs_spread", hot, cold);
    report
}
