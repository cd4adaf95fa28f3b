//! This build beside another one. Each has a database, a schema and a stream of its own; they are asked in
//! turn, for two seconds each, and what counts is the median of the rounds' ratios, since the machine's own
//! speed changes within minutes.

use std::time::Duration;

use daybook_tests::{Program, TestDatabase, until};

use crate::{
    generator::{self, Load, Make},
    lag::watch,
    orders::{orders, receive, stock_up},
    queries::{self, asked},
    rebuild::Log,
    report::{Report, quantile},
    server::Daybook,
};

const ROUNDS: usize = 12;
/// A rebuild takes longer than a slice, and varies less.
const REBUILDS: usize = 7;
const SLICE: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_secs(3);
/// Each side's best of these counts: a server may need more clients than another for what it can do.
const CONNECTIONS: [u64; 4] = [32, 64, 128, 256];
/// Where the best isn't looked for.
const USUAL_CONNECTIONS: u64 = 64;
const SKUS: u64 = 1_000;
const EVERYTHING: &str = "api,relay,projections,reactor";
/// A part of what the servers can do, so that the wait is not a wait in a queue.
const LAG_LOAD: f64 = 0.5;
const BOTH: [usize; 2] = [0, 1];

struct Side {
    database: TestDatabase,
    daybook: Daybook,
}

/// This build and the other one, in that order.
struct Sides([Side; 2]);

impl Sides {
    async fn start(other: &Program, roles: &str) -> Self {
        Self::of([(&Program::this(), roles), (other, roles)]).await
    }

    async fn of([this, other]: [(&Program, &str); 2]) -> Self {
        let side = async |(program, roles): (&Program, &str)| {
            let database = TestDatabase::empty().await;
            Side { daybook: Daybook::start_program(program, &database, roles), database }
        };
        Self([side(this).await, side(other).await])
    }

    /// The same with a catalogue and stock, and requests for it.
    async fn stocked(other: &Program, roles: &str, skus: u64) -> (Self, [Make; 2]) {
        Self::start(other, roles).await.stock(skus).await
    }

    async fn stock(self, skus: u64) -> (Self, [Make; 2]) {
        let sides = self;
        for side in &sides.0 {
            stock_up(&side.daybook, skus).await;
        }
        let makes = BOTH.map(|place| orders(&sides.0[place].daybook, skus));
        for place in BOTH {
            sides.load(place, USUAL_CONNECTIONS, WARM_UP, &makes).await;
        }
        (sides, makes)
    }

    async fn load(&self, place: usize, connections: u64, duration: Duration, makes: &[Make; 2]) -> Load {
        let make = makes[place].clone();
        let load = generator::run(self.0[place].daybook.api, connections, duration, 0, make).await;
        assert_eq!(load.bad, 0, "everything is accepted");
        load
    }

    async fn slice(&self, place: usize, connections: u64, makes: &[Make; 2]) -> Load {
        self.load(place, connections, SLICE, makes).await
    }

    /// What is downstream of the log has nothing left to do, on either side.
    async fn settle(&self) {
        for side in &self.0 {
            let lag = |of: &str| side.daybook.metric(&format!("daybook_{of}_lag_events"));
            until("the projections have caught up", async || lag("projection") == 0.0).await;
            // A side without the publisher has no such gauge, which counts as 0.
            until("the publisher has caught up", async || lag("publisher") == 0.0).await;
        }
    }
}

/// Figures of both sides, a value for each round.
type Rounds<const N: usize> = [[Vec<f64>; N]; 2];

/// Measures both sides in turn; which of them is first changes from round to round.
async fn in_turn<const N: usize>(
    name: &str,
    rounds: usize,
    measure: impl AsyncFn(usize) -> [f64; N],
) -> Rounds<N> {
    let mut all: Rounds<N> = BOTH.map(|_| std::array::from_fn(|_| vec![]));
    for round in 0..rounds {
        for place in BOTH.map(|place| place ^ (round % 2)) {
            for (figure, value) in all[place].iter_mut().zip(measure(place).await) {
                figure.push(value);
            }
        }
        eprintln!("  {name}: round {} of {rounds}", round + 1);
    }
    all
}

fn report(name: &'static str, rounds: usize, other: &Program) -> Report {
    let mut report = Report::new(name, rounds);
    report.condition(format!(
        "this build beside {} (daybook {}), each with a database and a stream of its own on the same servers",
        other.path().display(),
        other.version()
    ));
    report.condition(format!(
        "in turn, slices of {} s; x: the median of the rounds' ratios, this by other, and the middle half of them",
        SLICE.as_secs()
    ));
    report
}

fn compare<const N: usize>(report: &mut Report, names: [&str; N], [this, other]: &Rounds<N>) {
    for ((name, this), other) in names.into_iter().zip(this).zip(other) {
        report.compared(name, this, other);
    }
}

pub async fn commands(other: &Program) -> Report {
    let mut report = report("commands", ROUNDS, other);
    report.condition("POST /v1/orders of one line by 1,000 customers, with idempotency keys; paused: relay, projections and reactor off, the best of 32, 64, 128 and 256 connections on each side");
    report.condition("running: everything on, 64 connections; both have caught up before each slice");
    let (sides, makes) = Sides::stocked(other, "api", SKUS).await;
    let mut paused: Rounds<3> = Default::default();
    for round in 0..ROUNDS {
        let mut best: [Option<Load>; 2] = [None, None];
        for connections in CONNECTIONS {
            for place in BOTH.map(|place| place ^ (round % 2)) {
                let load = sides.slice(place, connections, &makes).await;
                if best[place].as_ref().is_none_or(|best| load.per_second > best.per_second) {
                    best[place] = Some(load);
                }
            }
        }
        for (figures, best) in paused.iter_mut().zip(best) {
            let best = best.expect("some number of connections");
            for (figure, value) in figures.iter_mut().zip([best.per_second, best.p50_ms, best.p99_ms]) {
                figure.push(value);
            }
        }
        eprintln!("  commands: round {} of {ROUNDS}", round + 1);
    }
    compare(&mut report, ["paused_per_second", "paused_p50_ms", "paused_p99_ms"], &paused);
    let alone =
        in_turn("one client", ROUNDS, async |place| [sides.slice(place, 1, &makes).await.p50_ms]).await;
    compare(&mut report, ["one_client_p50_ms"], &alone);
    drop(sides);

    let (sides, makes) = Sides::stocked(other, EVERYTHING, SKUS).await;
    let running = in_turn("commands, running", ROUNDS, async |place| {
        sides.settle().await;
        let load = sides.slice(place, USUAL_CONNECTIONS, &makes).await;
        [load.per_second, load.p99_ms]
    });
    compare(&mut report, ["running_per_second", "running_p99_ms"], &running.await);
    report
}

/// What public events cost: this build with the publisher beside itself without it.
pub async fn publisher() -> Report {
    let mut report = Report::new("publisher", ROUNDS);
    report.condition("POST /v1/orders of one line, 64 connections, everything on; this: with the role publisher as well, other: without it, each with a database and a stream of its own on the same servers");
    report.condition(format!(
        "in turn, slices of {} s, both have caught up before each; x: the median of the rounds' ratios",
        SLICE.as_secs()
    ));
    let program = Program::this();
    let with_it = format!("{EVERYTHING},publisher");
    let (sides, makes) =
        Sides::of([(&program, with_it.as_str()), (&program, EVERYTHING)]).await.stock(SKUS).await;
    let commands = in_turn("publisher", ROUNDS, async |place| {
        sides.settle().await;
        let load = sides.slice(place, USUAL_CONNECTIONS, &makes).await;
        [load.per_second, load.p99_ms]
    });
    compare(&mut report, ["commands_per_second", "commands_p99_ms"], &commands.await);
    let published = sides.0[0].daybook.metric("daybook_publisher_published_total");
    report.figure("published_events", &[published]);
    report
}

pub async fn hot(other: &Program) -> Report {
    let mut report = report("hot", ROUNDS, other);
    report.condition("64 connections, all orders for one SKU; relay, projections and reactor off");
    let (sides, _) = Sides::stocked(other, "api", SKUS).await;
    for side in &sides.0 {
        receive(&side.daybook, 100, |_| 0).await;
    }
    let makes = BOTH.map(|place| orders(&sides.0[place].daybook, 1));
    let hot = in_turn("hot", ROUNDS, async |place| {
        let load = sides.slice(place, USUAL_CONNECTIONS, &makes).await;
        [load.per_second, load.p99_ms]
    });
    compare(&mut report, ["hot_per_second", "hot_p99_ms"], &hot.await);
    report
}

pub async fn queries(other: &Program) -> Report {
    let mut report = report("queries", ROUNDS, other);
    report.condition("64 connections; GET /v1/orders/{id} of 2,000 orders by their 1,000 customers, the same by customers and support in turn, and a page of 20 products, all from the cache");
    let sides = Sides::start(other, EVERYTHING).await;
    let [this, other] = &sides.0;
    let this = asked(&this.database, &this.daybook).await;
    let other = asked(&other.database, &other.daybook).await;
    let kinds = ["item", "two_audiences", "page"].into_iter().zip(this.into_iter().zip(other));
    for (kind, (this, other)) in kinds {
        let makes = [this, other];
        let answers = in_turn(kind, ROUNDS, async |place| {
            let load = sides.slice(place, queries::CONNECTIONS, &makes).await;
            [load.per_second, load.p99_ms]
        });
        let names = ["per_second", "p99_ms"].map(|figure| format!("{kind}_{figure}"));
        compare(&mut report, names.each_ref().map(String::as_str), &answers.await);
    }
    report
}

pub async fn lag(other: &Program) -> Report {
    let mut report = report("lag", ROUNDS, other);
    report.condition("everything on; orders are placed from 64 connections at half of the rate that the slower side reaches; beside it one client places an order every 20 ms and asks for it with Daybook-Min-Position: from the one answer to the other");
    let (sides, makes) = Sides::stocked(other, EVERYTHING, SKUS).await;
    let mut most = f64::MAX;
    for place in BOTH {
        sides.settle().await;
        most = most.min(sides.load(place, USUAL_CONNECTIONS, WARM_UP, &makes).await.per_second);
    }
    let rate = most * LAG_LOAD;
    let waits = in_turn("lag", ROUNDS, async |place| {
        sides.settle().await;
        let daybook = &sides.0[place].daybook;
        let make = makes[place].clone();
        let load = generator::run_at(daybook.api, USUAL_CONNECTIONS, rate, SLICE, 0, make);
        let (load, waits) = tokio::join!(load, watch(daybook, SLICE));
        assert_eq!(load.bad, 0, "everything is accepted");
        [quantile(&waits, 0.5), quantile(&waits, 0.99)]
    });
    compare(&mut report, ["lag_p50_ms", "lag_p99_ms"], &waits.await);
    report.figure("commands_per_second", &[rate]);
    report
}

pub async fn rebuild(other: &Program) -> Report {
    let mut report = report("rebuild", REBUILDS, other);
    report.condition("the orders read model from 1,000,000 events of orders, verification included: not slices, but one rebuild each, in turn");
    let logs = [Log::of_lives(&Program::this()).await, Log::of_lives(other).await];
    let seconds = in_turn("rebuild", REBUILDS, async |place| [logs[place].rebuild().await]).await;
    compare(&mut report, ["rebuild_seconds"], &seconds);
    report
}
