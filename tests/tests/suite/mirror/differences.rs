//! The other system has something else than the log: the mirror stops and says what, and goes on when that is repaired.

use daybook_tests::{OtherSystem, until};

use super::{copied, expected, has_mirrored_everything, metric, mirroring, same, tells};
use crate::faults::{House, teapots};

/// Catches: a stream that others have written to and that is written to behind them; a mirror that goes on without an
/// event.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_event_stops_the_mirror_and_nothing_else_until_it_is_gone() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut server = mirroring(&house, "server", &other.url());
    server.start();
    house.sell(&server, 1_000).await;
    has_mirrored_everything(&house, &server).await;
    let revision = other.change(|streams| streams.read("stock-TEAPOT", 0).unwrap().len() as u64);
    let foreign = other.write("stock-TEAPOT");

    // Orders in front of it and behind it.
    let alice = house.alice(&server);
    house.receive(&server, 7).await;
    alice.post("/v1/orders", teapots(1)).await.expect(201);
    let message = tells(&house, &server, "diverged").await;
    let ours = expected(&house).await["stock-TEAPOT"][usize::try_from(revision).unwrap()].id;
    assert_eq!(
        message,
        format!(
            "diverged: stream stock-TEAPOT, revision {revision}: the log has event {ours}, the other system has event \
             {foreign}"
        )
    );
    assert_eq!(metric(&house, &server, "daybook_mirror_diverged").await, 1.0);
    assert!(metric(&house, &server, "daybook_mirror_failures_total").await > 0.0);
    assert!(
        server.log().contains(&format!(
            "diverged, and waits for an operator: stream stock-TEAPOT, revision {revision}"
        ))
    );

    // It looks again and again, and changes nothing there; the rest of the process does its work.
    let failures = metric(&house, &server, "daybook_mirror_failures_total").await;
    until("it has looked again", async || {
        metric(&house, &server, "daybook_mirror_failures_total").await > failures + 1.0
    })
    .await;
    let stream = copied(&other).remove("stock-TEAPOT").unwrap();
    assert_eq!(stream.last().map(|last| last.id), Some(foreign));
    assert_eq!(server.log().matches("waits for an operator").count(), 1, "it says so once");
    alice.post("/v1/orders", teapots(1)).await.expect(201);
    assert_eq!(house.operator(&server).readiness().await["mirror"], "down");
    let position = metric(&house, &server, "daybook_mirror_position").await;
    assert!(metric(&house, &server, "daybook_mirror_lag_events").await > 0.0);

    other.change(|streams| streams.cut("stock-TEAPOT", revision));
    has_mirrored_everything(&house, &server).await;
    same(&copied(&other), &expected(&house).await);
    assert!(metric(&house, &server, "daybook_mirror_position").await > position);
    until("all is well", async || metric(&house, &server, "daybook_mirror_diverged").await == 0.0).await;
    assert_eq!(house.operator(&server).readiness().await["mirror"], "ok");
}

/// Catches: a page that is told again and again as a whole, for the sake of one event in it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_front_of_an_event_that_can_not_be_told_is_told() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut server = mirroring(&house, "server", &other.url());
    server.start();
    house.sell(&server, 1_000).await;
    has_mirrored_everything(&house, &server).await;
    let foreign = other.write("stock-TEAPOT");
    server.kill();
    for (stream, events) in [("BEFORE", 333), ("TEAPOT", 5), ("BEHIND", 333)] {
        house.database.lengthen(stream, events).await;
    }
    server.start();
    tells(&house, &server, "revision 1: the log has event").await;
    let first =
        "SELECT position FROM events WHERE (aggregate_type, aggregate_id, sequence) = ('stock', 'TEAPOT', 2)";
    let position = house.database.count(first).await;
    until("the mirror is in front of it", async || {
        house.operator(&server).get("/admin/log").await.expect(200).json()["mirror_position"] == position - 1
    })
    .await;
    assert_eq!(metric(&house, &server, "daybook_mirror_diverged").await, 1.0);
    let appends = other.appends();
    let failures = metric(&house, &server, "daybook_mirror_failures_total").await;
    until("it has looked again", async || {
        metric(&house, &server, "daybook_mirror_failures_total").await > failures
    })
    .await;
    assert!(other.appends() - appends <= 2, "looking is one call");
    other.change(|streams| streams.cut("stock-TEAPOT", 1));
    assert!(other.all().iter().all(|kept| kept.id != foreign));
    has_mirrored_everything(&house, &server).await;
    same(&copied(&other), &expected(&house).await);
}

/// Catches: a mirror that goes on in the middle of a system that has nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_has_lost_what_it_was_told_is_told_everything_when_an_operator_says_so() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut server = mirroring(&house, "server", &other.url());
    server.start();
    house.sell(&server, 1_000).await;
    has_mirrored_everything(&house, &server).await;
    server.kill();

    let empty = OtherSystem::start().await;
    let mut server = mirroring(&house, "anew", &empty.url());
    server.start();
    let alice = house.alice(&server);
    alice.post("/v1/orders", teapots(1)).await.expect(201);
    let message = tells(&house, &server, "diverged").await;
    assert!(message.contains("stream stock-TEAPOT") && message.ends_with("has none there"), "{message}");
    assert!(empty.all().is_empty());
    house.database.execute("DELETE FROM checkpoints WHERE name = 'mirror'").await;
    has_mirrored_everything(&house, &server).await;
    same(&copied(&empty), &expected(&house).await);

    // A stream that was deleted there keeps its revisions, so what comes next has its place. What was in front of it
    // hasn't any more.
    house.receive(&server, 1).await;
    has_mirrored_everything(&house, &server).await;
    empty.change(|streams| streams.delete("stock-TEAPOT"));
    house.receive(&server, 1).await;
    has_mirrored_everything(&house, &server).await;
    let stream = copied(&empty).remove("stock-TEAPOT").unwrap();
    assert_eq!(stream, expected(&house).await["stock-TEAPOT"][3..]);
    server.kill();
    house.database.execute("DELETE FROM checkpoints WHERE name = 'mirror'").await;
    server.start();
    let message = tells(&house, &server, "diverged").await;
    assert!(message.contains("stream stock-TEAPOT, revision 0:"), "{message}");
    assert_eq!(copied(&empty).remove("stock-TEAPOT").unwrap(), stream);
}

/// Catches: a mirror that goes on behind a failover that has lost what was mirrored.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_history_is_not_mirrored() {
    let (house, other) = (House::new().await, OtherSystem::start().await);
    let mut server = mirroring(&house, "server", &other.url());
    server.start();
    house.sell(&server, 1_000).await;
    has_mirrored_everything(&house, &server).await;
    server.kill();
    let before = copied(&other);
    // As if the database had lost that event and had given its number again.
    house.database.execute("UPDATE checkpoints SET event_id = gen_random_uuid() WHERE name = 'mirror'").await;
    server.start();
    house.receive(&server, 7).await;
    let message = tells(&house, &server, "diverged").await;
    assert!(message.contains("another history"), "{message}");
    assert_eq!(metric(&house, &server, "daybook_mirror_diverged").await, 1.0);
    assert_eq!(copied(&other), before);
}
