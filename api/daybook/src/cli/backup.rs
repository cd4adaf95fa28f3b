//! `daybook backup`: looks at a restored copy of the database, which it doesn't change.

use std::process::ExitCode;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_core::{
    config::Config,
    entropy::Clock,
    keys,
    terminal::say,
    unsealing::{Unsealed, unseal_all},
    vault::Vault,
};
use daybook_domain::Position;
use daybook_projections::{LedgerVerification, Log, Operators, PublicTableVerification};

use super::{
    failure::Failure,
    verify::{print_difference, print_log, print_read_model},
};

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Look whether a restored copy of the database is whole: the log keeps its promises, what is made from it is equal to
    /// it, and what is sealed opens with the configured master key. Needs no server and no NATS, and changes nothing.
    Verify,
}

/// Prints the point in time that the copy is of, a line for each thing that was looked at, and one of figures. Fails if
/// anything differs or can't be read.
pub async fn run(config: &Config, Verb::Verify: Verb) -> Result<ExitCode, Failure> {
    let connect = daybook_migrations::connect_options(config.database_url.expose(), "daybook-backup")
        .map_err(|_| "setting database_url is not a PostgreSQL URL")?
        .options([("default_transaction_read_only", "on")]);
    let pool = daybook_migrations::pool(connect.clone(), 2, config.database.acquire_timeout.get());
    daybook_migrations::check_schema(&pool).await?;
    let vault = Vault::new(pool.clone(), keys::master_key(config)?);
    let recovered = Recovered::of(&Log::new(pool.clone())).await?;
    let operators = Operators::new(pool, connect.clone());

    recovered.print(Clock::System.now());
    let log = operators.verify_log().await?;
    print_log(&log);
    let read_models = operators.verify(None).await?;
    for read_model in &read_models {
        print_read_model(read_model);
        print_behind(log.head, read_model.position);
    }
    let public_table = operators.verify_public_table().await?;
    if let Some(found) = &public_table {
        print_public_table(found);
        print_behind(log.head, found.position);
    }
    let ledger = operators.verify_ledger().await?;
    print_ledger(&ledger);
    print_behind(log.head, ledger.position);
    let unsealed = unseal_all(&connect, &vault).await?;
    print_unsealed(&unsealed);

    let differences = log.differences
        + read_models.iter().map(|found| found.differences).sum::<i64>()
        + public_table.map_or(0, |found| found.differences)
        + ledger.differences;
    let unreadable: u64 = unsealed.iter().map(|found| found.unreadable).sum();
    let Recovered { position, at } = recovered;
    say(format_args!(
        "position={position} recorded_at={} events={} effects={} pending_effects={} unreadable={unreadable} \
         differences={differences}",
        at.map_or_else(|| "-".to_owned(), shown),
        log.events,
        ledger.effects,
        ledger.pending
    ));
    Ok(if differences == 0 && unreadable == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The last event that the copy has.
struct Recovered {
    position: Position,
    at: Option<DateTime<Utc>>,
}

impl Recovered {
    async fn of(log: &Log) -> Result<Self, sqlx::Error> {
        let position = log.head().await?;
        let last = log.after(Position(position.0 - 1), 1).await?;
        Ok(Self { position, at: last.first().map(|record| record.recorded_at) })
    }

    fn print(&self, now: DateTime<Utc>) {
        match self.at {
            None => say("recovery point: the log is empty"),
            Some(at) => say(format_args!(
                "recovery point: event {} of {}, {} ago",
                self.position,
                shown(at),
                span(now - at)
            )),
        }
    }
}

fn shown(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// In whole units, the two largest.
fn span(span: TimeDelta) -> String {
    let seconds = span.num_seconds().max(0);
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, min, s) => format!("{min} min {s} s"),
        (0, h, min, _) => format!("{h} h {min} min"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

/// What is behind the log is no fault: a server carries it on from there.
fn print_behind(head: i64, position: i64) {
    if position < head {
        say(format_args!("  {} events behind the log", head - position));
    }
}

fn print_public_table(found: &PublicTableVerification) {
    let PublicTableVerification { position, rows, differences, .. } = found;
    let verdict = if *differences == 0 { "equal to the log" } else { "DIFFERS from the log" };
    say(format_args!("analytics: {verdict} at position {position}, {rows} rows, {differences} differences"));
    print_difference(found.first_difference.as_deref());
}

fn print_ledger(found: &LedgerVerification) {
    let LedgerVerification { position, effects, pending, differences, .. } = found;
    let verdict = if *differences == 0 { "agrees with the log" } else { "DISAGREES with the log" };
    say(format_args!(
        "ledger of effects: {verdict} at position {position}, {effects} effects, {differences} differences; \
         {pending} are still to be performed, once more if they were performed after the recovery point"
    ));
    print_difference(found.first_difference.as_deref());
}

fn print_unsealed(unsealed: &[Unsealed]) {
    for Unsealed { what, rows, unreadable, first_unreadable, .. } in unsealed {
        say(format_args!("{what}: {rows}, of which {unreadable} can't be read"));
        if let Some(first) = first_unreadable {
            say(format_args!("  first one: {first}"));
        }
    }
    let sealed = || unsealed.iter().filter(|found| found.is_sealed);
    let rows: u64 = sealed().map(|found| found.rows).sum();
    let unreadable: u64 = sealed().map(|found| found.unreadable).sum();
    say(match unreadable {
        _ if rows == 0 => "master key: nothing is sealed, so nothing shows whether it is the right one",
        0 => "master key: it opens everything that is sealed",
        _ if unreadable == rows => "master key: it opens nothing, so the copy was sealed with ANOTHER one",
        _ => {
            "master key: it is the right one, and what it can't open is DAMAGED or was sealed with another one"
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_two_largest_units() {
        for (seconds, told) in
            [(-3, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7_260, "2 h 1 min"), (90_061, "1 d 1 h")]
        {
            assert_eq!(span(TimeDelta::seconds(seconds)), told);
        }
    }
}
