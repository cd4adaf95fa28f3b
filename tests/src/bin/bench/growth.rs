//! The same work on a small log and on large ones, in turn: what Daybook does in a second shouldn't
//! depend on what it did in all the years before.

use std::time::{Duration, Instant};

use daybook_commands::stock::AdjustStock;
use daybook_domain::policy::Role;
use daybook_tests::{
    Shop, TestDatabase,
    shop::{Answer, by, refused, sku},
    until,
};

use crate::{
    fill::{LONG, SKUS, fill},
    generator,
    orders::orders,
    queries::Items,
    report::Report,
    server::Daybook,
};

const ROUNDS: usize = 5;
/// Events in the log; the first is what the others are compared with.
const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];
/// A log of this size is kept for all rounds. A smaller one is made anew for each: it would have become
/// a larger one.
const KEPT: u64 = 1_000_000;
const CONNECTIONS: u64 = 64;
/// Orders whose queries are measured, spread over the whole log.
const ITEMS: u64 = 2_000;
const WARM_UP: u64 = 500;
const COMMANDS: u64 = 3_000;
const SLICE: Duration = Duration::from_secs(2);
/// In a round: one takes a few milliseconds, and whatever else the machine does shows in it.
const LOADS: usize = 15;

pub async fn run(more: Option<u64>) -> Report {
    let mut report = Report::new("growth", ROUNDS);
    report.condition("logs filled through the append function: 200 SKUs; orders, each with its hold, and as many receipts of one SKU, whose stream has half of the events");
    report.condition("commands: 3,000 POST /v1/orders over 64 connections, relay and projections off; a log below a million is made anew for each round, so that it stays small");
    report.condition("queries: GET /v1/orders/{id} of 2,000 orders spread over the log, 64 connections; uncached: each once, by a process that has just started");
    report.condition("load: a refused command on the long stream by a process that has not read it; its snapshot was written by another process");
    let sizes: Vec<u64> = SIZES.into_iter().chain(more).collect();
    let mut kept = Vec::new();
    for size in sizes.iter().copied().filter(|size| *size >= KEPT) {
        kept.push(Log::make(size).await);
    }
    let mut measured: Vec<Rounds> = sizes.iter().map(|_| Rounds::default()).collect();
    for round in 1..=ROUNDS {
        let mut small = Vec::new();
        for size in sizes.iter().copied().filter(|size| *size < KEPT) {
            small.push(Log::make(size).await);
        }
        // Servers of this round: none of them has anything in memory.
        let logs: Vec<&Log> = small.iter().chain(&kept).collect();
        let servers: Vec<Daybook> = logs.iter().map(|log| Daybook::start(&log.database, "api")).collect();
        let loads = std::iter::repeat_n(What::Load, LOADS);
        for measure in [What::Queries, What::Commands].into_iter().chain(loads) {
            for ((log, server), rounds) in logs.iter().zip(&servers).zip(&mut measured) {
                rounds.measure(measure, log, server).await;
            }
        }
        eprintln!("  growth: round {round} of {ROUNDS}");
    }
    for log in &kept {
        report.figure(&format!("first_load_without_snapshot_{}_ms", named(log.events)), &[log.first_load_ms]);
    }
    compare(&mut report, &sizes, &measured);
    report
}

fn compare(report: &mut Report, sizes: &[u64], measured: &[Rounds]) {
    let mut figures = sizes.iter().zip(measured).map(|(size, rounds)| {
        let name = named(*size);
        (
            name.clone(),
            report.figure(&format!("commands_{name}_per_second"), &rounds.commands),
            report.figure(&format!("queries_{name}_per_second"), &rounds.queries),
            report.figure(&format!("uncached_queries_{name}_per_second"), &rounds.uncached),
            report.figure(&format!("load_{name}_ms"), &rounds.load_ms),
        )
    });
    let (_, commands, queries, uncached, load_ms) = figures.next().expect("a smallest log");
    let others: Vec<_> = figures.collect();
    for (name, of_commands, of_queries, of_uncached, of_load_ms) in others {
        report.ratio(&format!("commands_{name}"), of_commands, commands);
        report.ratio(&format!("queries_{name}"), of_queries, queries);
        report.ratio(&format!("uncached_queries_{name}"), of_uncached, uncached);
        // A ratio of speeds, as the others.
        report.ratio(&format!("load_{name}"), load_ms, of_load_ms);
    }
}

/// `1e6` for a million.
fn named(events: u64) -> String {
    let zeros = events.ilog10();
    if events == 10_u64.pow(zeros) { format!("1e{zeros}") } else { events.to_string() }
}

/// A filled log, its read models, and a snapshot of its long stream.
struct Log {
    events: u64,
    database: TestDatabase,
    items: Items,
    /// What loading the long stream took before there was a snapshot.
    first_load_ms: f64,
}

impl Log {
    async fn make(events: u64) -> Self {
        let begun = Instant::now();
        let database = TestDatabase::new().await;
        fill(&database, events).await;
        let filled = begun.elapsed();
        build_read_models(&database, events).await;
        let first_load_ms = load_ms(&database).await;
        let items = Items::of(&database, ITEMS).await;
        eprintln!("  growth: {events} events in {filled:.1?}, read models after {:.1?}", begun.elapsed());
        Self { events, database, items, first_load_ms }
    }
}

async fn build_read_models(database: &TestDatabase, events: u64) {
    let _server = Daybook::start(database, "api,projections");
    let reached = "SELECT CASE WHEN count(*) = 5 THEN min(c.position) ELSE 0 END FROM checkpoints c
                     JOIN read_models r ON r.name = c.name AND r.live_generation = c.generation";
    let mut position = 0;
    while position < i64::try_from(events).expect("a log that can be filled") {
        until("the read models come on", async || database.count(reached).await > position).await;
        position = database.count(reached).await;
    }
    database.execute("CHECKPOINT").await;
}

/// What a command on the long stream takes by a process that doesn't know that stream. It is refused, so
/// that it ends with the decision.
async fn load_ms(database: &TestDatabase) -> f64 {
    let shop = Shop::open(&database.app_url(), "cold");
    // Connects.
    assert_eq!(refused(take_too_much(&shop, "SKU-0").await), "insufficient_stock");
    let begun = Instant::now();
    assert_eq!(refused(take_too_much(&shop, LONG).await), "insufficient_stock");
    let took = begun.elapsed();
    shop.close().await;
    took.as_secs_f64() * 1_000.0
}

async fn take_too_much(shop: &Shop, code: &str) -> Answer {
    let reason = "counted".parse().expect("a reason");
    let too_much = AdjustStock { sku: sku(code), delta: -1_000_000_000_000, reason };
    shop.ask(by(Role::Warehouse), too_much).await
}

#[derive(Clone, Copy)]
enum What {
    Queries,
    Commands,
    Load,
}

#[derive(Default)]
struct Rounds {
    commands: Vec<f64>,
    queries: Vec<f64>,
    uncached: Vec<f64>,
    load_ms: Vec<f64>,
}

impl Rounds {
    async fn measure(&mut self, what: What, log: &Log, server: &Daybook) {
        match what {
            What::Queries => {
                let items = log.items.make(server);
                let load = generator::run_count(server.api, CONNECTIONS, ITEMS, items.clone()).await;
                assert_eq!(load.bad, 0, "every query is answered");
                self.uncached.push(load.per_second);
                self.queries.push(generator::run(server.api, CONNECTIONS, SLICE, 0, items).await.per_second);
            }
            What::Commands => {
                let orders = orders(server, SKUS);
                generator::run_count(server.api, CONNECTIONS, WARM_UP, orders.clone()).await;
                let load = generator::run_count(server.api, CONNECTIONS, COMMANDS, orders).await;
                assert_eq!(load.bad, 0, "every order is accepted");
                self.commands.push(load.per_second);
            }
            What::Load => self.load_ms.push(load_ms(&log.database).await),
        }
    }
}
