//! Orders per second over HTTP, beside PostgreSQL's own INSERTs and the usual way with postgres-es.

use std::time::{Duration, Instant};

use daybook_tests::TestDatabase;

use crate::{
    comparison::Comparison,
    generator::{self, Load},
    orders::{orders, stock_up},
    pgbench::Pgbench,
    report::Report,
    server::Daybook,
};

const ROUNDS: usize = 3;
const SKUS: u64 = 1_000;
const SLICE: Duration = Duration::from_secs(5);
const SUSTAINED: Duration = Duration::from_secs(60);
const CONNECTIONS: [u64; 4] = [32, 64, 128, 256];
const PGBENCH_CLIENTS: [u32; 5] = [8, 16, 32, 64, 128];

pub async fn run() -> Report {
    let mut report = Report::new("commands", ROUNDS);
    report.condition("ours: POST /v1/orders of one line; EdDSA token of 1,000 customers, price, stock held, idempotency key; 2 events and 1 key row each");
    report.condition(
        "pgbench -n -M prepared -j 2, one INSERT a transaction into a table with the log's columns and keys",
    );
    report.condition("postgres-es: the same decider for the order alone behind the same HTTP framework and token check, a transaction a command; it can't append order and stock together");
    report.condition(
        "fsync and synchronous_commit on; load generator, server and PostgreSQL share the machine",
    );

    let database = TestDatabase::new().await;
    let daybook = Daybook::start(&database, "api");
    stock_up(&daybook, SKUS).await;
    let others = TestDatabase::new().await;
    let pgbench = Pgbench::new(&others).await;
    let comparison = Comparison::start(&others).await;
    let make = orders(&daybook, SKUS);

    let mut first = 1_000_000_000;
    let mut next = || {
        first += 1_000_000_000;
        first
    };
    // A warm-up of each.
    generator::run(daybook.api, 64, SLICE, next(), make.clone()).await;
    pgbench.insert(1, 16, 3);
    comparison.load(16, Duration::from_secs(2), next()).await;

    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        let mut best: Option<Load> = None;
        for connections in CONNECTIONS {
            let load = generator::run(daybook.api, connections, SLICE, next(), make.clone()).await;
            assert_eq!(load.bad, 0, "every order is accepted");
            if best.as_ref().is_none_or(|best| load.per_second > best.per_second) {
                best = Some(load);
            }
        }
        let best = best.expect("some number of connections");
        rounds.ours.push(best.per_second);
        rounds.p50_ms.push(best.p50_ms);
        rounds.p99_ms.push(best.p99_ms);
        let seconds = u32::try_from(SLICE.as_secs()).expect("some seconds");
        let inserts = PGBENCH_CLIENTS.map(|clients| pgbench.insert(1, clients, seconds).per_second);
        rounds.pgbench.push(inserts.into_iter().fold(0.0, f64::max));
        rounds.bulk.push(
            PGBENCH_CLIENTS
                .map(|c| pgbench.insert(64, c, 3).per_second * 64.0)
                .into_iter()
                .fold(0.0, f64::max),
        );
        rounds.postgres_es.push(comparison.load(32, SLICE, next()).await.per_second);
        rounds.alone.push(generator::run(daybook.api, 1, SLICE, next(), make.clone()).await.p50_ms);
        rounds.pgbench_alone.push(pgbench.insert(1, 1, 3).latency_ms);
    }
    drop(daybook);
    let running = sustained().await;

    let ours = report.figure("commands_per_second", &rounds.ours);
    report.figure("commands_p50_ms", &rounds.p50_ms);
    report.figure("commands_p99_ms", &rounds.p99_ms);
    let pgbench = report.figure("pgbench_inserts_per_second", &rounds.pgbench);
    let bulk = report.figure("pgbench_bulk_rows_per_second", &rounds.bulk);
    let postgres_es = report.figure("postgres_es_commands_per_second", &rounds.postgres_es);
    report.figure("one_client_p50_ms", &rounds.alone);
    report.figure("pgbench_one_client_ms", &rounds.pgbench_alone);
    report.figure("running_commands_per_second", &[running.load.per_second]);
    report.figure("running_p50_ms", &[running.load.p50_ms]);
    report.figure("running_p99_ms", &[running.load.p99_ms]);
    report.figure("running_largest_lag_events", &[running.largest_lag]);
    report.figure("running_catch_up_s", &[running.catch_up_s]);
    report.ratio("paused_vs_pgbench", ours, pgbench);
    report.ratio("running_vs_pgbench", running.load.per_second, pgbench);
    report.ratio("vs_postgres_es", ours, postgres_es);
    report.ratio("events_vs_bulk", ours * 2.0, bulk);
    report
}

#[derive(Default)]
struct Rounds {
    ours: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    pgbench: Vec<f64>,
    bulk: Vec<f64>,
    postgres_es: Vec<f64>,
    alone: Vec<f64>,
    pgbench_alone: Vec<f64>,
}

struct Running {
    load: Load,
    largest_lag: f64,
    /// From the last command to a lag of 0.
    catch_up_s: f64,
}

/// A minute with relay, projections and reactor at work; no mail, since the orders have no contact.
async fn sustained() -> Running {
    let database = TestDatabase::new().await;
    let daybook = Daybook::start(&database, "api,relay,projections,reactor");
    stock_up(&daybook, SKUS).await;
    let make = orders(&daybook, SKUS);
    let lag = || daybook.metric("daybook_projection_lag_events");
    let load = generator::run(daybook.api, 64, SUSTAINED, 0, make);
    tokio::pin!(load);
    let mut largest_lag: f64 = 0.0;
    let load = loop {
        tokio::select! {
            load = &mut load => break load,
            () = tokio::time::sleep(Duration::from_secs(1)) => largest_lag = largest_lag.max(lag()),
        }
    };
    let ended = Instant::now();
    daybook_tests::until("the projections have caught up", || async { lag() == 0.0 }).await;
    Running { load, largest_lag, catch_up_s: ended.elapsed().as_secs_f64() }
}
