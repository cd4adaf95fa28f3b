//! `daybook verify`: reads the database, needs no server.

use std::process::ExitCode;

use daybook_core::{config::Config, terminal::say};
use daybook_projections::{LogVerification, Operators, Verification};

use super::failure::Failure;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Compare only this read model, and not check the log itself.
    name: Option<String>,
}

/// Prints a line for each read model and one of figures. Fails if anything differs.
pub async fn run(config: &Config, args: &Args) -> Result<ExitCode, Failure> {
    let connect = daybook_migrations::connect_options(config.database_url.expose(), "daybook-verify")
        .map_err(|_| "setting database_url is not a PostgreSQL URL")?;
    let pool = daybook_migrations::pool(connect.clone(), 2, config.database.acquire_timeout.get());
    let operators = Operators::new(pool, connect);
    let log = match args.name {
        Some(_) => None,
        None => Some(operators.verify_log().await?),
    };
    let read_models = operators.verify(args.name.as_deref()).await?;
    if let Some(log) = &log {
        print_log(log);
    }
    for read_model in &read_models {
        print_read_model(read_model);
    }
    let in_log = log.as_ref().map_or(0, |log| log.differences);
    let differences = in_log + read_models.iter().map(|found| found.differences).sum::<i64>();
    let rows: i64 = read_models.iter().map(|found| found.rows).sum();
    let events =
        log.as_ref().map_or_else(|| read_models.iter().map(|found| found.events).sum(), |log| log.events);
    say(format_args!(
        "read_models={} rows={rows} events={events} differences={differences}",
        read_models.len()
    ));
    Ok(if differences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

pub fn print_log(log: &LogVerification) {
    say(format_args!(
        "log: head {}, {} events, {} gaps, {} times that go back, {} broken streams, {} broken promises",
        log.head, log.events, log.gaps, log.backwards, log.broken_streams, log.broken_promises
    ));
    print_difference(log.first_difference.as_deref());
}

pub fn print_read_model(found: &Verification) {
    let verdict = if found.differences == 0 { "equal to the log" } else { "DIFFERS from the log" };
    let sums = found.sums.map(|sums| format!("{sums} sums, ")).unwrap_or_default();
    say(format_args!(
        "{} (generation {}): {verdict} at position {}, {} rows, {sums}{} differences",
        found.read_model, found.generation, found.position, found.rows, found.differences
    ));
    print_difference(found.first_difference.as_deref());
}

pub fn print_difference(first: Option<&str>) {
    if let Some(first) = first {
        say(format_args!("  first difference: {first}"));
    }
}
