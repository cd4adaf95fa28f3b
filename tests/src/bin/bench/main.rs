//! `./dev bench [name]`: Daybook beside what people use, in one run on one machine.
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
mod generator;
mod hot;
mod orders;
mod pgbench;
mod queries;
mod report;
mod server;

use std::process::ExitCode;

/// Every benchmark, in the order in which they run.
const BENCHMARKS: [&str; 3] = ["commands", "hot", "queries"];

#[tokio::main]
async fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked.iter().find(|name| !BENCHMARKS.contains(&name.as_str())) {
        eprintln!("there is no benchmark {unknown}; there are {}", BENCHMARKS.join(", "));
        return ExitCode::from(2);
    }
    for name in BENCHMARKS.into_iter().filter(|name| asked.is_empty() || asked.iter().any(|a| a == name)) {
        let report = match name {
            "commands" => commands::run().await,
            "hot" => hot::run().await,
            _ => queries::run().await,
        };
        report.print();
        report.write();
    }
    ExitCode::SUCCESS
}
