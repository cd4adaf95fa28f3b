//! The log through the door of EventStoreDB, beside a COPY of the same events out of the database: no door gives a log
//! away faster than that.

use std::{net::SocketAddr, time::Instant};

use daybook_domain::policy::Role;
use daybook_tests::{Door, TestDatabase, door::connect, server::free_port};
use eventstore::{Client, ReadAllOptions};

use crate::{
    copy::{COPY, copied},
    fill::fill_with_lives,
    rebuilding::EVENTS,
    report::Report,
    server::Daybook,
};

const ROUNDS: usize = 5;

pub async fn run() -> Report {
    let mut report = Report::new("doors", ROUNDS);
    report.condition("log: 1,000,000 events of orders, their lives interleaved: placed, confirmed, shipped, delivered; a tenth is cancelled instead");
    report.condition("door: the crate eventstore reads $all from the start to the end, on one stream of one connection; client, server and database share the cores; relay, projections and reactor are off");
    report.condition("tls: the same over TLS; each form has a server of its own on the same database");
    report.condition("beside it: psql -c 'COPY events TO STDOUT' over TCP, its output thrown away");
    let database = TestDatabase::new().await;
    fill_with_lives(&database, EVENTS).await;
    let door = Door::new();
    let [plain_at, tls_at] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let plain = Daybook::start_with(&database, "api", |process| {
        process.with("door.listen", plain_at).with("door.plaintext", true)
    });
    let tls = Daybook::start_with(&database, "api", |process| door.open_in(process, tls_at));
    let token = plain.token("analyst", Role::Analyst);
    let plain_client = connect(&format!("esdb://any:{token}@{plain_at}?tls=false"));
    let tls_client = door.client_of(tls_at, "esdb", &tls.token("analyst", Role::Analyst));
    read(&plain_client).await;
    read(&tls_client).await;
    copied(&database, COPY);
    let (mut plains, mut secured, mut copies) = (vec![], vec![], vec![]);
    for round in 1..=ROUNDS {
        copies.push(copied(&database, COPY));
        plains.push(read(&plain_client).await);
        secured.push(read(&tls_client).await);
        eprintln!("  doors: round {round} of {ROUNDS}");
    }
    let copy = report.figure("copy_seconds", &copies);
    for (prefix, rounds) in [("", plains), ("tls_", secured)] {
        let seconds = report.figure(&format!("{prefix}door_seconds"), &rounds);
        report.figure(&format!("{prefix}events_per_second"), &[EVENTS as f64 / seconds]);
        report.ratio(&format!("{prefix}vs_copy"), copy, seconds);
    }
    report
}

/// Seconds until a client has all of the log.
async fn read(client: &Client) -> f64 {
    let begun = Instant::now();
    let mut read = client.read_all(&ReadAllOptions::default()).await.expect("it is read");
    let mut events = 0;
    while read.next().await.expect("it is read to its end").is_some() {
        events += 1;
    }
    assert_eq!(events, EVENTS);
    begun.elapsed().as_secs_f64()
}
