//! `./dev chaos [--seed N] [--seconds N]`: two servers, one database, clients, and faults.

use std::{path::PathBuf, process::ExitCode};

use daybook_tests::chaos::{self, Settings};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: ./dev chaos [--seed N] [--seconds N]";
const SECONDS: u64 = 60;
/// Two seconds are too short for any fault.
const LEAST_SECONDS: u64 = 5;

fn settings(arguments: &[String]) -> Option<Settings> {
    let logs = std::env::var_os("CHAOS_OUTPUT").map(PathBuf::from);
    let mut settings = Settings { seed: rand::random_range(1..1_000_000), seconds: SECONDS, logs };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        match name.as_str() {
            "--seed" => settings.seed = value.parse().ok()?,
            "--seconds" => settings.seconds = value.parse().ok().filter(|s| *s >= LEAST_SECONDS)?,
            _ => return None,
        }
    }
    Some(settings)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(settings) = settings(&arguments) else {
        eprintln!("{USAGE}\nseconds are at least {LEAST_SECONDS}");
        return ExitCode::from(2);
    };
    if let Some(folder) = &settings.logs {
        std::fs::create_dir_all(folder).expect("the folder for logs can be made");
    }
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be caught");
    let mut interrupt = signal(SignalKind::interrupt()).expect("signals can be caught");
    let findings = tokio::select! {
        findings = chaos::run(&settings) => findings,
        // What was started ends with the future that has just been dropped.
        _ = terminate.recv() => return ExitCode::from(143),
        _ = interrupt.recv() => return ExitCode::from(130),
    };
    for example in &findings.examples {
        println!("! {example}");
    }
    println!("{findings}");
    if findings.is_good() && findings.faults > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
