//! A process that projects is killed or stopped, and others go on with it.

use std::time::{Duration, Instant};

use daybook_domain::policy::Role;
use daybook_tests::{
    Log, Proxy,
    chaos::{Load, compare, stock_up},
    proxy::Weather,
    until,
};
use serde_json::json;
use sqlx::Executor;

use super::{House, watch::Watch};

/// A batch stands between its checkpoint and its rows.
const MIDWAY: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'daybook-serve'
      AND wait_event_type = 'Lock' AND wait_event IN ('transactionid', 'tuple')";
/// As the death of its process makes it, where the kernel notices.
const END_MIDWAY: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'daybook-serve'
      AND wait_event_type = 'Lock' AND wait_event IN ('transactionid', 'tuple')";
/// A lease runs out, and the process that waits for it notices. The rest is for a busy machine.
const HANDED_OVER: Duration = Duration::from_secs(10);

/// Catches: a checkpoint in another transaction than its rows, or sums in another one than theirs.
#[tokio::test(flavor = "multi_thread")]
async fn fault_workers_that_are_killed_in_the_middle_of_a_batch_leave_all_of_it_or_nothing() {
    let house = House::new().await;
    let mut api = house.server("api").with("roles", "api");
    let mut worker = house.server("worker").with("roles", "relay,projections,reactor");
    worker = worker.with("proof.interval", "50ms");
    api.start();
    worker.start();
    stock_up(&house.client, &api).await;
    // A row that isn't there yet can't be waited for.
    let missing = "SELECT count(DISTINCT aggregate_id) - (SELECT count(*) FROM read.stock_g1)
                     FROM events WHERE aggregate_type = 'stock'";
    until("every stock has its row", async || house.database.count(missing).await == 0).await;
    let watch = Watch::start(house.operator(&api));
    let load = Load::start(&house.client, [&api, &api], 4);
    for round in 0..8 {
        load.progress(40).await;
        let mut foreign = house.database.foreign_session().await;
        let table = if round < 4 { "read.sales_g1_sums" } else { "read.stock_g1" };
        let rows = format!("SELECT count(*) FROM {table}");
        until("there are rows to wait for", async || house.database.count(&rows).await > 0).await;
        foreign.execute(format!("BEGIN; SELECT FROM {table} FOR UPDATE").as_str()).await.unwrap();
        until("a batch waits for its rows", async || house.database.count(MIDWAY).await > 0).await;
        worker.kill();
        if round % 2 == 0 {
            house.database.execute(END_MIDWAY).await;
        }
        // In the other rounds, the database goes on with what is not waited for any more.
        drop(foreign);
        // As if their time had run out.
        house.database.execute("DELETE FROM leases").await;
        worker.start();
    }
    load.progress(40).await;
    let told = load.end().await;
    house.proved(&worker).await;
    watch.end().await;
    compare(&Log::read(&house.database.superuser).await, &told).assert_flawless();
}

/// Its last batch is on its way when the process is stopped, and arrives when another has long gone on.
/// Catches: the fence removed.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_worker_that_sleeps_over_its_lease_changes_nothing_when_it_wakes() {
    let house = House::new().await;
    let mut proxy = Proxy::to(&house.database.app_url()).await;
    let a = house.server_by_way_of("a", &proxy.url(&house.database.app_url()));
    let mut a = a.with("proof.interval", "50ms");
    a.start();
    let leads = "SELECT count(*) FROM leases WHERE name LIKE 'projection/%'";
    until("it has all the work", async || house.database.count(leads).await == 6).await;
    // No projections yet: it would get its share of them.
    let mut b = house.server("b").with("roles", "api,relay,reactor");
    b.start();
    let mut c = house.server("c").with("roles", "projections").with("proof.interval", "50ms");
    house.sell(&b, 100).await;
    house.caught_up().await;
    let watch = Watch::start(house.operator(&b));

    let admin = house.by(&b, "admin", Role::Admin);
    let rename = async |admin: &daybook_tests::Client, name: &str| {
        admin.patch("/v1/products/LATE", json!({ "name": name })).await.expect(200);
    };
    proxy.set(Weather::HeldFrom("LATE"));
    let product = json!({"sku": "LATE", "name": "first", "price": {"amount": 1999, "currency": "EUR"}});
    admin.post("/v1/products", product).await.expect(201);
    proxy.struck().await;
    a.freeze();
    let frozen = Instant::now();
    c.start();
    rename(&admin, "second").await;
    house.caught_up().await;
    assert!(frozen.elapsed() < HANDED_OVER, "handed over after {:?}", frozen.elapsed());
    rename(&admin, "third").await;
    house.caught_up().await;
    proxy.set(Weather::Fair);
    a.thaw();
    let nobody = a.api(&house.client);
    until("it is itself again", async || nobody.get("/readyz").await.status == 200).await;
    house.proved(&b).await;
    watch.end().await;

    b.kill();
    c.kill();
    let killed = Instant::now();
    let admin = house.by(&a, "admin", Role::Admin);
    let knows_revocations = async || admin.get("/v1/orders?limit=1").await.status == 200;
    until("it has read what was revoked while it slept", knows_revocations).await;
    admin.post("/v1/stock/LATE/receipts", json!({"quantity": 5})).await.expect(200);
    house.caught_up().await;
    assert!(killed.elapsed() < HANDED_OVER, "handed over after {:?}", killed.elapsed());
    house.proved(&a).await;
    let shown = admin.get("/v1/products/LATE").await.expect(200).json();
    assert_eq!(shown["name"], "third");
}

/// Catches: one process that keeps all the partitions; a partition that no process takes on.
#[tokio::test(flavor = "multi_thread")]
async fn fault_partitions_are_shared_by_the_processes_that_there_are() {
    let house = House::new().await;
    let server = |name, roles| {
        house
            .server(name)
            .with("roles", roles)
            .with("projections.partitions", 4)
            .with("proof.interval", "50ms")
    };
    let mut api = server("api", "api,relay,reactor");
    let (mut a, mut b) = (server("a", "projections"), server("b", "projections"));
    // How many of the twenty each process works on, the one with the fewest first.
    let shares = async || {
        let held: Vec<i64> = sqlx::query_scalar(
            "SELECT count(*) FROM leases WHERE name LIKE 'projection/%/%' AND expires_at > clock_timestamp()
              GROUP BY holder ORDER BY 1",
        )
        .fetch_all(&house.database.superuser)
        .await
        .unwrap();
        held
    };
    api.start();
    a.start();
    until("it has all the work", async || shares().await == [20]).await;
    stock_up(&house.client, &api).await;
    b.start();
    let watch = Watch::start(house.operator(&api));
    let load = Load::start(&house.client, [&api, &api], 5);
    until("each has its half", async || shares().await == [10, 10]).await;
    load.progress(40).await;

    a.kill();
    let killed = Instant::now();
    until("the other goes on with all of it", async || shares().await == [20]).await;
    assert!(killed.elapsed() < HANDED_OVER, "handed over after {:?}", killed.elapsed());
    load.progress(40).await;
    a.start();
    until("each has its half again", async || shares().await == [10, 10]).await;
    load.progress(40).await;

    b.freeze();
    until("the other goes on with all of it", async || shares().await == [20]).await;
    b.thaw();
    until("each has its half once more", async || shares().await == [10, 10]).await;
    load.progress(40).await;
    let told = load.end().await;
    house.proved(&b).await;
    watch.end().await;
    compare(&Log::read(&house.database.superuser).await, &told).assert_flawless();
}
