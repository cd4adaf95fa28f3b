//! A rebuild in a shop that is open: do queries notice, and does it come to its end when the server is
//! killed in the middle of it?

use std::time::{Duration, Instant};

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestDatabase, shop::new_id};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    fill::fill_with_lives,
    generator,
    orders::{orders, stock_up},
    queries::Items,
    rebuilding::{EVENTS, rebuilt, until_quiet},
    report::Report,
    server::Daybook,
};

const SKUS: u64 = 200;
const ORDERS_PER_SECOND: f64 = 500.0;
const QUERIES_PER_SECOND: f64 = 1_000.0;
const CONNECTIONS: u64 = 16;
/// Different orders that are asked for: more than are kept ready.
const ASKED_FOR: u64 = 10_000;
/// Queries are looked at for so long at a time.
const WINDOW: Duration = Duration::from_secs(2);
const WINDOWS_BEFORE: usize = 5;
const KILLS: usize = 5;
const CLIENTS: u64 = 16;

pub async fn measure(report: &mut Report) {
    report.condition("live: the log of lives; 500 POST /v1/orders and 1,000 GET /v1/orders/{id} a second, before and during a rebuild, in windows of 2 s; the worst window's p99 of each; swapping: of the last window, with the swap, a rollback and another");
    report.condition("killed: five rebuilds under 500 orders a second, the server killed with -9 at a random moment of each and started again");
    let database = TestDatabase::new().await;
    fill_with_lives(&database, EVENTS).await;
    let mut daybook = Daybook::start(&database, "api,relay,projections,reactor");
    // The first generation comes on event by event; it isn't waited for.
    rebuilt(&daybook.operator()).await;
    stock_up(&daybook, SKUS).await;
    rebuilt(&daybook.operator()).await;
    until_quiet(&database).await;
    live(report, &database, &daybook).await;
    killed(report, &database, &mut daybook).await;
}

async fn live(report: &mut Report, database: &TestDatabase, daybook: &Daybook) {
    let items = Items::of(database, ASKED_FOR).await.make(daybook);
    let make = orders(daybook, SKUS);
    let mut first = 0;
    let mut window = || {
        first += 1_000_000;
        let orders =
            generator::run_at(daybook.api, CONNECTIONS, ORDERS_PER_SECOND, WINDOW, first, make.clone());
        let queries =
            generator::run_at(daybook.api, CONNECTIONS, QUERIES_PER_SECOND, WINDOW, 0, items.clone());
        async move {
            let (orders, queries) = tokio::join!(orders, queries);
            assert_eq!((orders.bad, queries.bad), (0, 0), "nothing fails");
            queries.p99_ms
        }
    };
    let (mut before, mut building): (f64, f64) = (0.0, 0.0);
    window().await;
    for _ in 0..WINDOWS_BEFORE {
        before = before.max(window().await);
    }
    let begun = Instant::now();
    let operator = daybook.operator();
    let rebuild = async {
        rebuilt(&operator).await;
        let seconds = begun.elapsed().as_secs_f64();
        // Back, and forth again.
        for _ in 0..2 {
            operator.post("/admin/projections/orders/rollback", json!({})).await.expect(200);
        }
        seconds
    };
    tokio::pin!(rebuild);
    let (seconds, swapping) = loop {
        let window = window();
        tokio::pin!(window);
        tokio::select! {
            p99_ms = &mut window => building = building.max(p99_ms),
            seconds = &mut rebuild => break (seconds, window.await),
        }
    };
    report.figure("live_rebuild_seconds", &[seconds]);
    report.figure("live_query_p99_before_ms", &[before]);
    report.figure("live_query_p99_building_ms", &[building]);
    report.figure("live_query_p99_swapping_ms", &[swapping]);
    report.ratio("live_query_p99", building.max(swapping), before);
}

async fn killed(report: &mut Report, database: &TestDatabase, daybook: &mut Daybook) {
    let token = daybook.tokens(Role::Customer).remove(0);
    let client = Client::new(format!("http://{}", daybook.api)).with_token(token);
    let mut shoppers = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = client.clone();
        shoppers.spawn(async move {
            let every = Duration::from_secs_f64(CLIENTS as f64 / ORDERS_PER_SECOND);
            let mut ticks = tokio::time::interval(every);
            loop {
                ticks.tick().await;
                let body = json!({"lines": [{"sku": "SKU-1", "quantity": 1}], "currency": "EUR"});
                // A server that is away refuses the connection.
                let request = client.request(Method::POST, "/v1/orders").json(&body);
                let _ =
                    client.try_send(request.header("idempotency-key", new_id().simple().to_string())).await;
            }
        });
    }
    let mut seconds = Vec::new();
    for round in 1..=KILLS {
        let longest = seconds.first().copied().unwrap_or(5.0);
        let begun = Instant::now();
        let operator = daybook.operator();
        let asked = operator.post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
        let location = asked.header("location").expect("where to look").to_owned();
        tokio::time::sleep(Duration::from_secs_f64(rand::random_range(0.0..longest))).await;
        let state = operator.get(&location).await.expect(200).json()["state"].clone();
        daybook.kill_and_start();
        crate::rebuilding::until_done(&daybook.operator(), &location).await;
        seconds.push(begun.elapsed().as_secs_f64());
        eprintln!("  rebuild: killed {round} of {KILLS}, while {state}");
    }
    shoppers.shutdown().await;
    until_quiet(database).await;
    let operator = daybook.operator();
    let found = operator.post("/admin/verifications", json!({})).await.expect(200).json();
    for model in found["read_models"].as_array().expect("a list") {
        assert_eq!(model["differences"], 0, "{model}");
    }
    report.figure("killed_rebuild_seconds", &seconds);
}
