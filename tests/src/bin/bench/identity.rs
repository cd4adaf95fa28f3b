//! What accounts cost, and what their answers tell by the time that they take.

use std::{
    io::Write,
    net::SocketAddr,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use daybook_tests::TestDatabase;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::{
    generator::{self, Make},
    queries,
    report::{Report, quantile},
    server::Daybook,
};

const ROUNDS: usize = 5;
const SLICE: Duration = Duration::from_secs(4);
/// So many with the address of an account, and as many with one of none.
const TRIES: usize = 2_000;
const ACCOUNTS: usize = 20;
/// As many as are hashed at the same time need no more to be kept busy.
const LOG_INS: u64 = 8;
const MANY_LOG_INS: u64 = 100;
/// Far below what a cache gives away, so that a latency is no queue of the load itself.
const READS_PER_SECOND: f64 = 500.0;
const READERS: u64 = 16;
const PASSWORD: &str = "violet harbour stairs";
const UNLIMITED: [&str; 8] = [
    "budgets.log_in_address",
    "budgets.log_in_account",
    "budgets.log_in_device",
    "budgets.registration",
    "budgets.reset",
    "budgets.mails",
    "rates.address_per_second",
    "rates.address_burst",
];

pub async fn run() -> Report {
    let mut report = Report::new("identity", ROUNDS);
    report.condition("log_in, registration, reset: 2,000 tries each with the address of an account and with one of none, one after the other on one connection, in pairs whose order changes; log-ins with a wrong password");
    report.condition("distance: of the two distributions of times (Kolmogorov-Smirnov); of two samples of the same one it stays below 0.043 in 95 of 100 cases");
    report.condition("log_ins: right passwords of 20 accounts on 8 connections; the processor time is that of the whole server");
    report.condition("reads: orders from the cache, 500 a second on 16 connections, alone and while 100 connections log in");
    let database = TestDatabase::new().await;
    let daybook = Daybook::start_with(&database, "api,relay,projections,reactor", |process| {
        UNLIMITED.into_iter().fold(process, |process, budget| process.with(budget, 100_000))
    });
    for number in 0..ACCOUNTS {
        create(&daybook, &address(number));
    }
    let email =
        |number, is_known| if is_known { address(number) } else { format!("nobody-{number}@example.com") };
    compare(&mut report, daybook.api, "log_in", "/v1/sessions", |number, is_known| {
        credentials(&email(number, is_known), "a wrong harbour")
    })
    .await;
    compare(
        &mut report,
        daybook.api,
        "reset",
        "/v1/accounts/password-resets",
        |number, is_known| json!({"email": email(number, is_known)}),
    )
    .await;
    compare(&mut report, daybook.api, "registration", "/v1/accounts", |number, is_known| {
        credentials(&email(number, is_known), PASSWORD)
    })
    .await;

    let log_ins: Make = Arc::new(move |number, request| {
        post(request, "/v1/sessions", &credentials(&address(number as usize), PASSWORD));
    });
    let (mut per_second, mut cpu_ms) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let before = daybook.cpu_seconds();
        let load = generator::run(daybook.api, LOG_INS, SLICE, 0, log_ins.clone()).await;
        assert_eq!(load.bad, 0, "everyone is logged in");
        per_second.push(load.per_second);
        cpu_ms.push((daybook.cpu_seconds() - before) * 1_000.0 / load.good as f64);
    }
    report.figure("log_ins_per_second", &per_second);
    report.figure("cpu_ms_per_log_in", &cpu_ms);

    let [item, ..] = queries::asked(&database, &daybook).await;
    let (mut alone, mut beside, mut refused) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let reads = || generator::run_at(daybook.api, READERS, READS_PER_SECOND, SLICE, 0, item.clone());
        alone.push(reads().await.p99_ms);
        let many = generator::run(daybook.api, MANY_LOG_INS, SLICE, 0, log_ins.clone());
        let (reads, many) = tokio::join!(reads(), many);
        assert_eq!(reads.bad, 0, "every query is answered");
        beside.push(reads.p99_ms);
        refused.push(many.bad as f64);
    }
    let alone = report.figure("reads_p99_ms", &alone);
    let beside = report.figure("reads_p99_ms_while_100_log_in", &beside);
    report.figure("log_ins_turned_away", &refused);
    report.ratio("reads_p99_while_100_log_in", beside, alone);
    report
}

fn address(number: usize) -> String {
    format!("person-{}@example.com", number % ACCOUNTS)
}

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

/// An account whose address is verified.
fn create(daybook: &Daybook, email: &str) {
    let arguments = ["admin", "create", "--role", "customer", "--email", email, "--password-stdin"];
    let mut child =
        daybook.command(&arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it is built");
    child.stdin.take().expect("it is piped").write_all(PASSWORD.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

fn post(request: &mut Vec<u8>, path: &str, body: &Value) {
    let body = body.to_string();
    let length = body.len();
    write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: daybook\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .expect("a Vec takes everything");
}

/// How long answers take that must not tell whether there is an account.
async fn compare(
    report: &mut Report,
    api: SocketAddr,
    name: &str,
    path: &str,
    body: impl Fn(usize, bool) -> Value,
) {
    let mut stream = TcpStream::connect(api).await.expect("the server listens");
    stream.set_nodelay(true).expect("a TCP socket");
    let (mut known, mut unknown) = (vec![], vec![]);
    let (mut request, mut answer) = (vec![], vec![]);
    for number in 0..TRIES {
        for is_first in [true, false] {
            let is_known = is_first == (number % 2 == 0);
            request.clear();
            post(&mut request, path, &body(number, is_known));
            let begun = Instant::now();
            tokio::io::AsyncWriteExt::write_all(&mut stream, &request).await.expect("it takes the request");
            generator::receive(&mut stream, &mut answer).await;
            let ms = begun.elapsed().as_secs_f64() * 1_000.0;
            assert!(!answer.starts_with(b"HTTP/1.1 429"), "{}", String::from_utf8_lossy(&answer));
            if is_known { known.push(ms) } else { unknown.push(ms) }
        }
    }
    for (of, times) in [("known", &mut known), ("unknown", &mut unknown)] {
        times.sort_by(f64::total_cmp);
        for (part, label) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99")] {
            report.figure(&format!("{name}_{of}_{label}_ms"), &[quantile(times, part)]);
        }
    }
    report.figure(&format!("{name}_distance"), &[distance(&known, &unknown)]);
    report.ratio(&format!("{name}_known_vs_unknown"), quantile(&known, 0.5), quantile(&unknown, 0.5));
    eprintln!("  identity: {name}");
}

/// The largest difference between the shares of two samples, in their order, that are below any one value.
fn distance(left: &[f64], right: &[f64]) -> f64 {
    let share = |values: &[f64], limit: f64| {
        values.partition_point(|value| *value <= limit) as f64 / values.len() as f64
    };
    left.iter()
        .chain(right)
        .map(|limit| (share(left, *limit) - share(right, *limit)).abs())
        .fold(0.0, f64::max)
}
