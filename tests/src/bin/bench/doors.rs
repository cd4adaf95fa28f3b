//! The log through the door of EventStoreDB, beside a COPY of the same events out of the database: no door gives a log
//! away faster than that. And orders over gRPC, beside the same over HTTP.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_domain::policy::Role;
use daybook_tests::{Door, TestDatabase, door::connect, server::free_port};
use eventstore::{Client, ReadAllOptions};

use crate::{
    copy::{COPY, copied},
    fill::fill_with_lives,
    generator, grpc,
    orders::{orders, stock_up},
    rebuilding::EVENTS,
    report::Report,
    server::Daybook,
};

const ROUNDS: usize = 5;
const SLICE: Duration = Duration::from_secs(4);
const CALLERS: [u64; 3] = [64, 128, 256];
const SKUS: u64 = 1_000;

pub async fn run() -> Report {
    let mut report = Report::new("doors", ROUNDS);
    door_by_copy(&mut report).await;
    grpc_by_http(&mut report).await;
    report
}

async fn door_by_copy(report: &mut Report) {
    report.condition("log: 1,000,000 events of orders, their lives interleaved: placed, confirmed, shipped, delivered; a tenth is cancelled instead");
    report.condition("door: the crate eventstore reads $all from the start to the end, on one stream of one connection; client, server and database share the cores; relay, projections and reactor are off");
    report.condition("tls: the same over TLS; each form has a server of its own on the same database");
    report.condition("beside it: psql -c 'COPY events TO STDOUT' over TCP, its output thrown away");
    let database = TestDatabase::new().await;
    fill_with_lives(&database, EVENTS).await;
    let door = Door::new();
    let [plain_at, tls_at] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let plain = Daybook::start_with(&database, "api", |process| {
        process.with("door.listen", plain_at).with("door.plaintext", true)
    });
    let tls = Daybook::start_with(&database, "api", |process| door.open_in(process, tls_at));
    let token = plain.token("analyst", Role::Analyst);
    let plain_client = connect(&format!("esdb://any:{token}@{plain_at}?tls=false"));
    let tls_client = door.client_of(tls_at, "esdb", &tls.token("analyst", Role::Analyst));
    read(&plain_client).await;
    read(&tls_client).await;
    copied(&database, COPY);
    let (mut plains, mut secured, mut copies) = (vec![], vec![], vec![]);
    for round in 1..=ROUNDS {
        copies.push(copied(&database, COPY));
        plains.push(read(&plain_client).await);
        secured.push(read(&tls_client).await);
        eprintln!("  doors: round {round} of {ROUNDS}");
    }
    let copy = report.figure("copy_seconds", &copies);
    for (prefix, rounds) in [("", plains), ("tls_", secured)] {
        let seconds = report.figure(&format!("{prefix}door_seconds"), &rounds);
        report.figure(&format!("{prefix}events_per_second"), &[EVENTS as f64 / seconds]);
        report.ratio(&format!("{prefix}vs_copy"), copy, seconds);
    }
}

async fn grpc_by_http(report: &mut Report) {
    report.condition("orders over gRPC and HTTP, both without TLS: one line, token of 1,000 customers, idempotency key; the best of 64, 128 and 256 callers, who have a connection each over HTTP and share 4 over gRPC");
    let database = TestDatabase::new().await;
    let door = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let daybook = Daybook::start_with(&database, "api", |process| {
        process.with("door.listen", door).with("door.plaintext", true)
    });
    stock_up(&daybook, SKUS).await;
    let make = orders(&daybook, SKUS);
    let tokens = Arc::new(daybook.tokens(Role::Customer));
    let over_http = async |callers| generator::run(daybook.api, callers, SLICE, 0, make.clone()).await;
    let over_grpc = async |callers| grpc::place(door, callers, SLICE, SKUS, Arc::clone(&tokens)).await;
    // A warm-up of each.
    over_http(CALLERS[0]).await;
    over_grpc(CALLERS[0]).await;
    let (mut plain, mut called) = (vec![], vec![]);
    for round in 1..=ROUNDS {
        let mut best = [0.0_f64; 2];
        for callers in CALLERS {
            let loads = [over_http(callers).await, over_grpc(callers).await];
            for (best, load) in best.iter_mut().zip(loads) {
                assert_eq!(load.bad, 0, "every order is accepted");
                *best = best.max(load.per_second);
            }
        }
        plain.push(best[0]);
        called.push(best[1]);
        eprintln!("  orders: round {round} of {ROUNDS}");
    }
    let plain = report.figure("http_orders_per_second", &plain);
    let called = report.figure("grpc_orders_per_second", &called);
    report.ratio("grpc_vs_http", called, plain);
}

/// Seconds until a client has all of the log.
async fn read(client: &Client) -> f64 {
    let begun = Instant::now();
    let mut read = client.read_all(&ReadAllOptions::default()).await.expect("it is read");
    let mut events = 0;
    while read.next().await.expect("it is read to its end").is_some() {
        events += 1;
    }
    assert_eq!(events, EVENTS);
    begun.elapsed().as_secs_f64()
}
