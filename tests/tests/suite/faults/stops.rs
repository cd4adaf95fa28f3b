use std::time::{Duration, Instant};

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{
    Daybook, Live, Log,
    chaos::{Load, compare, stock_up},
    until,
    until::until_blocking,
};
use reqwest::Method;
use tokio::task::JoinSet;

use super::{House, teapots};

const GRACE_S: u64 = 10;

/// Waits for its end, which must come within the grace time, and with success.
fn ends_well(server: &mut Daybook, since: Instant) {
    let mut status = None;
    until_blocking("it has ended", || {
        status = server.ended();
        status.is_some()
    });
    assert!(status.unwrap().success(), "{status:?}\n{}", server.log());
    assert!(since.elapsed() < Duration::from_secs(GRACE_S + 2), "{:?}", since.elapsed());
}

/// Catches: a shutdown that begins with closing the connections.
#[tokio::test(flavor = "multi_thread")]
async fn fault_after_sigterm_what_is_in_work_is_finished_and_nothing_else_begun() {
    let house = House::new().await;
    let mut a = house.server("a").with("http.shutdown_grace", Span::seconds(GRACE_S));
    a.start();
    house.sell(&a, 100).await;
    let foreign = house.take_append_lock().await;
    let mut buyers = JoinSet::new();
    for number in 0..20 {
        let buyer = house.by(&a, &format!("buyer-{number}"), Role::Customer);
        buyers.spawn(async move { buyer.post("/v1/orders", teapots(1)).await });
    }
    // One that has not arrived yet would be turned away.
    let telemetry = house.client.at(format!("http://{}", a.telemetry));
    until("all of them are in work", async || {
        let told = telemetry.get("/metrics").await.expect(200).text();
        told.lines().any(|line| line == "daybook_committer_queued_commands 20")
    })
    .await;
    house.append_waits().await;
    let terminated = Instant::now();
    a.terminate();
    let ready = |path| {
        let nobody = a.api(&house.client);
        async move { nobody.try_send(nobody.request(Method::GET, path)).await }
    };
    until("it says that it is not ready", async || {
        ready("/readyz").await.is_ok_and(|reply| reply.status == 503 && reply.text().contains("draining"))
    })
    .await;
    let late = house.alice(&a).post("/v1/orders", teapots(1)).await;
    assert_eq!(late.refusal(), "503 unavailable");
    assert!(late.header("retry-after").is_some());
    // Longer than it lingers when there is nothing to be finished.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(a.ended().is_none(), "it waits for its work");
    drop(foreign);
    for reply in buyers.join_all().await {
        reply.expect(201);
    }
    ends_well(&mut a, terminated);
    assert_eq!(house.log().await.orders().len(), 20);
}

/// Catches: a live stream that counts as work, which would be waited for until the grace time is over, and
/// one that isn't told of the end, but cut off.
#[tokio::test(flavor = "multi_thread")]
async fn fault_after_sigterm_a_live_stream_ends_and_holds_up_nothing() {
    let house = House::new().await;
    let mut a = house.server("a").with("http.shutdown_grace", Span::seconds(GRACE_S));
    a.start();
    house.sell(&a, 100).await;
    let analyst = house.by(&a, "analyst", Role::Analyst);
    let mut live = Live::open(&analyst, "", None).await;
    live.events(3).await;
    // Its client reads nothing from this one, and there is more than fits between two sockets.
    house.database.lengthen("TEAPOT", 40_000).await;
    let _stuck = Live::open(&analyst, "", None).await;
    // They take turns at the log, so that one has come as far as it can.
    live.events(40_000).await;
    let terminated = Instant::now();
    a.terminate();
    live.end().await;
    ends_well(&mut a, terminated);
    assert!(terminated.elapsed() < Duration::from_secs(GRACE_S / 2), "{:?}", terminated.elapsed());
}

/// One server after the other, as when a new release is rolled out.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_rolling_restart_under_load_loses_nothing_and_ends_in_time() {
    let house = House::new().await;
    let [mut a, mut b] =
        ["a", "b"].map(|name| house.server(name).with("http.shutdown_grace", Span::seconds(GRACE_S)));
    a.start();
    b.start();
    stock_up(&house.client, &a).await;
    let load = Load::start(&house.client, [&a, &b], 2);
    for _ in 0..2 {
        for server in [&mut a, &mut b] {
            load.progress(50).await;
            let terminated = Instant::now();
            server.terminate();
            ends_well(server, terminated);
            server.start();
        }
    }
    load.progress(50).await;
    let told = load.end().await;
    compare(&Log::read(&house.database.superuser).await, &told).assert_flawless();
}

/// It is stopped between two statements of the transaction in which it decides again. The other server
/// goes on as soon as the database has ended that session, and no process waits for the stopped one.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_server_that_is_stopped_with_the_append_lock_holds_up_nobody() {
    let house = House::new().await;
    let (a, b) = (house.started("a"), house.started("b"));
    stock_up(&house.client, &a).await;
    house.sell(&a, 1_000).await;
    let load = Load::start(&house.client, [&a, &b], 3);
    load.progress(50).await;
    let mut session = house.database.foreign_session().await;
    let hunt = tokio::time::timeout(Duration::from_secs(60), a.freeze_with_lock(&mut session));
    hunt.await.expect("under this load it decides again now and then");
    let asked = Instant::now();
    house.alice(&b).post("/v1/orders", teapots(1)).await.expect(201);
    // A second until the session is ended, and the rest for a machine that is busy.
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    load.progress(100).await;
    a.thaw();
    load.progress(100).await;
    let told = load.end().await;
    compare(&Log::read(&house.database.superuser).await, &told).assert_flawless();
}
