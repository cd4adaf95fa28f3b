//! `./dev bench [name] [--events N]`: Daybook beside what people use, in one run on one machine.
//! `./dev bench [name] --against BINARY`: this build beside another one (`against.rs`).
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

mod against;
mod commands;
mod comparison;
mod copy;
mod doors;
mod effects;
mod fill;
mod generator;
mod growth;
mod grpc;
mod hot;
mod identity;
mod lag;
mod orders;
mod pgbench;
mod queries;
mod rebuild;
mod rebuild_live;
mod rebuilding;
mod report;
mod server;

use std::{path::PathBuf, process::ExitCode};

use daybook_tests::Program;

/// Every benchmark, in the order in which they run.
const BENCHMARKS: [&str; 10] =
    ["commands", "hot", "queries", "lag", "publisher", "rebuild", "growth", "doors", "identity", "effects"];
/// These compare something else than two builds: this one with itself, logs, and what release 0.1 doesn't have.
const NOT_AGAINST: [&str; 5] = ["publisher", "growth", "doors", "identity", "effects"];

struct Asked {
    names: Vec<&'static str>,
    /// For another log that growth looks at.
    events: Option<u64>,
    against: Option<Program>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    for name in asked.names {
        let report = match (&asked.against, name) {
            (Some(other), "commands") => against::commands(other).await,
            (Some(other), "hot") => against::hot(other).await,
            (Some(other), "queries") => against::queries(other).await,
            (Some(other), "lag") => against::lag(other).await,
            (Some(other), _) => against::rebuild(other).await,
            (None, "commands") => commands::run().await,
            (None, "hot") => hot::run().await,
            (None, "queries") => queries::run().await,
            (None, "lag") => lag::run().await,
            (None, "publisher") => against::publisher().await,
            (None, "rebuild") => rebuild::run().await,
            (None, "doors") => doors::run().await,
            (None, "identity") => identity::run().await,
            (None, "effects") => effects::run().await,
            (None, _) => growth::run(asked.events).await,
        };
        report.print();
        report.write();
    }
    ExitCode::SUCCESS
}

fn asked(mut arguments: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked { names: vec![], events: None, against: None };
    let mut named = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--events" => {
                let number = arguments.next().and_then(|number| number.parse().ok());
                asked.events = Some(
                    number
                        .filter(|events| *events > 1_000_000)
                        .ok_or("--events takes a number above 1000000: another log for growth to look at")?,
                );
            }
            "--against" => {
                let path = arguments.next().ok_or("--against takes another release's program")?;
                asked.against = Some(Program::other(&from_the_caller(&path))?);
            }
            name => match BENCHMARKS.into_iter().find(|known| *known == name) {
                Some(name) => named.push(name),
                None => {
                    return Err(format!("there is no benchmark {name}; there are {}", BENCHMARKS.join(", ")));
                }
            },
        }
    }
    if let (Some(_), Some(name)) = (&asked.against, NOT_AGAINST.into_iter().find(|name| named.contains(name)))
    {
        return Err(format!("{name} takes no --against: it doesn't compare builds"));
    }
    let runs = |name: &&str| match named.is_empty() {
        true => asked.against.is_none() || !NOT_AGAINST.contains(name),
        false => named.contains(name),
    };
    asked.names = BENCHMARKS.into_iter().filter(runs).collect();
    Ok(asked)
}

/// A path as the caller of `./dev` means it, which runs this program in another folder.
fn from_the_caller(path: &str) -> PathBuf {
    let folder = std::env::var_os("BENCH_CALLER").map(PathBuf::from).unwrap_or_default();
    folder.join(path)
}
