//! The orders read model is made anew, as an operator asks for it, beside a COPY of the same events out
//! of the database: no rebuild reads a log faster than that.

use std::time::Instant;

use daybook_tests::{Client, Program, TestDatabase};
use serde_json::Value;

use crate::{
    copy::{COPY, copied},
    fill::{fill, fill_with_lives},
    rebuild_live,
    rebuilding::{EVENTS, rebuilt, until_quiet},
    report::Report,
    server::{Daybook, migrated},
};

const ROUNDS: usize = 5;
const PHASES: [&str; 5] = ["load", "index", "catch_up", "verify", "swap"];

pub async fn run() -> Report {
    let mut report = Report::new("rebuild", ROUNDS);
    report.condition("log: 1,000,000 events of orders, their lives interleaved: placed, confirmed, shipped, delivered; a tenth is cancelled instead");
    report.condition("rebuild: POST /admin/projections/orders/rebuilds until GET says done; verification included; nothing else is asked of the server, which serves and folds as always");
    report.condition("beside it: psql -c 'COPY events TO STDOUT' over TCP, its output thrown away: all of the log, which is what the rebuild reads (twice)");
    report.condition("placed: the same on the log of growth, where 250,000 orders have one event each among a million others; its COPY is of the events of orders only");
    let lives = Log::make(COPY, async |database| {
        fill_with_lives(database, EVENTS).await;
    });
    lives.await.measure(&mut report, "").await;
    let placed =
        Log::make("COPY (SELECT * FROM events WHERE aggregate_type = 'order') TO STDOUT", async |database| {
            fill(database, EVENTS).await
        });
    placed.await.measure(&mut report, "placed_").await;
    rebuild_live::measure(&mut report).await;
    report
}

pub struct Log {
    database: TestDatabase,
    copy: &'static str,
    server: Daybook,
    operator: Client,
    orders: i64,
    events: i64,
}

impl Log {
    /// Orders from one end of their lives to the other, on that program's schema.
    pub async fn of_lives(program: &Program) -> Self {
        let database = migrated(program).await;
        fill_with_lives(&database, EVENTS).await;
        Self::serve(program, database, COPY).await
    }

    async fn make(copy: &'static str, filled: impl AsyncFnOnce(&TestDatabase)) -> Self {
        let database = TestDatabase::new().await;
        filled(&database).await;
        Self::serve(&Program::this(), database, copy).await
    }

    /// The server has caught up with it.
    async fn serve(program: &Program, database: TestDatabase, copy: &'static str) -> Self {
        let server = Daybook::start_program(program, &database, "api,relay,projections,reactor");
        let operator = server.operator();
        let count = |what: &str| format!("SELECT count({what}) FROM events WHERE aggregate_type = 'order'");
        let events = database.count(&count("*")).await;
        let orders = database.count(&count("DISTINCT aggregate_id")).await;
        let log = Self { database, copy, server, operator, orders, events };
        // The first generation, which comes on event by event, is not waited for: two rebuilds, and it is gone.
        log.rebuild().await;
        log.rebuild().await;
        until_quiet(&log.database).await;
        log
    }

    /// In turn, after one of each that doesn't count.
    async fn measure(&self, report: &mut Report, prefix: &str) {
        let (mut rebuilds, mut copies) = (vec![], vec![]);
        let mut phases = PHASES.map(|_| vec![]);
        self.rebuild().await;
        copied(&self.database, self.copy);
        for round in 1..=ROUNDS {
            self.database.execute("CHECKPOINT").await;
            copies.push(copied(&self.database, self.copy));
            rebuilds.push(self.rebuild().await);
            for (phase, rounds) in PHASES.iter().zip(&mut phases) {
                let labels =
                    format!("daybook_rebuild_phase_seconds{{phase=\"{phase}\",projection=\"orders\"}}");
                rounds.push(self.server.metric(&labels));
            }
            eprintln!("  rebuild: {prefix}round {round} of {ROUNDS}");
        }
        let rebuild = report.figure(&format!("{prefix}rebuild_seconds"), &rebuilds);
        let copy = report.figure(&format!("{prefix}copy_seconds"), &copies);
        for (phase, rounds) in PHASES.iter().zip(&phases) {
            report.figure(&format!("{prefix}{phase}_seconds"), rounds);
        }
        report.figure(&format!("{prefix}events_per_second"), &[self.events as f64 / rebuild]);
        report.figure(&format!("{prefix}orders"), &[self.orders as f64]);
        report.figure(&format!("{prefix}events"), &[self.events as f64]);
        report.ratio(&format!("{prefix}vs_copy"), copy, rebuild);
    }

    /// Seconds from the request to `done`, all rows verified.
    pub async fn rebuild(&self) -> f64 {
        let begun = Instant::now();
        let done = rebuilt(&self.operator).await;
        let seconds = begun.elapsed().as_secs_f64();
        let expected = [("differences", 0), ("rows", self.orders), ("events", self.events)];
        for (member, value) in expected {
            assert_eq!(done["verification"][member], Value::from(value), "{done}");
        }
        seconds
    }
}
