//! `./dev bench [name] [--events N]`: Daybook beside what people use, in one run on one machine.
//!
//! Every figure comes from real processes: the release binary, its own PostgreSQL and NATS with
//! durability on, and a load generator on the same machine. Machines are noisy, so what counts are the
//! ratios of medians of things measured in turn.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "figures of a bench, on a machine of 64 bits"
)]

mod commands;
mod comparison;
mod fill;
mod generator;
mod growth;
mod hot;
mod lag;
mod orders;
mod pgbench;
mod queries;
mod rebuild;
mod rebuild_live;
mod rebuilding;
mod report;
mod server;

use std::process::ExitCode;

/// Every benchmark, in the order in which they run.
const BENCHMARKS: [&str; 6] = ["commands", "hot", "queries", "lag", "rebuild", "growth"];

#[tokio::main]
async fn main() -> ExitCode {
    let (mut asked, mut events) = (Vec::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--events" {
            events =
                arguments.next().and_then(|number| number.parse().ok()).filter(|events| *events > 1_000_000);
            if events.is_none() {
                eprintln!("--events takes a number above 1000000: another log for growth to look at");
                return ExitCode::from(2);
            }
        } else if BENCHMARKS.contains(&argument.as_str()) {
            asked.push(argument);
        } else {
            eprintln!("there is no benchmark {argument}; there are {}", BENCHMARKS.join(", "));
            return ExitCode::from(2);
        }
    }
    for name in BENCHMARKS.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|a| a == name)) {
        let report = match name {
            "commands" => commands::run().await,
            "hot" => hot::run().await,
            "queries" => queries::run().await,
            "lag" => lag::run().await,
            "rebuild" => rebuild::run().await,
            _ => growth::run(events).await,
        };
        report.print();
        report.write();
    }
    ExitCode::SUCCESS
}
