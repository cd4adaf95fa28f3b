//! How many connections to PostgreSQL a process has, and what it says where there is no room for them.

use daybook_tests::{Daybook, OwnPostgres, TestDatabase, until};
use futures::future::{join_all, select};
use serde_json::json;
use sqlx::{Connection, PgPool, Row};

use super::{House, teapots};
use crate::http::rebuilds::many_orders;

/// Leaves room for 37 connections.
const SMALL: &[&str] =
    &["fsync=off", "shared_buffers=32MB", "max_connections=40", "superuser_reserved_connections=3"];
/// With twice as many events, all threads take part in a rebuild.
const ORDERS: i64 = 6_000;
const AUDITORS: i64 = 3;
/// The second one for revocations is for an answer that is lost.
const SPARE: i64 = 1;

/// What the process said at its start: at most so many connections, and so many more during a rebuild.
fn told(server: &Daybook) -> (i64, i64) {
    let log = server.log();
    let (_, line) = log.split_once("has at most ").expect("it says so");
    let mut numbers = line.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// Sessions of the process: that it keeps, and that were opened for reading whole read models.
async fn sessions(superuser: &PgPool) -> (i64, i64) {
    let row = sqlx::query(
        "SELECT count(*) FILTER (WHERE application_name = 'daybook-serve'),
                count(*) FILTER (WHERE application_name = 'daybook rebuild')
           FROM pg_stat_activity WHERE datname = current_database() AND usename = 'daybook_app'",
    )
    .fetch_one(superuser)
    .await
    .unwrap();
    (row.get(0), row.get(1))
}

/// Catches: something new that connects and isn't counted; something that is counted and doesn't connect.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_as_many_connections_as_it_says() {
    let house = House::new().await;
    // Pools that are full at once, and an auditor that never rests.
    let mut server = house
        .server("server")
        .with("roles", "api,relay,projections,reactor,publisher")
        .with("queries.connections", 2)
        .with("commands.connections", 2)
        .with("background.connections", 4)
        .with("projections.partitions", 2)
        .with("proof.interval", "10ms");
    server.start();
    house.sell(&server, 100_000).await;
    let alice = house.alice(&server);
    alice.post("/v1/orders", teapots(1)).await.expect(201);
    many_orders(&house.database, ORDERS).await;
    // Effects are written down and marked by sessions of their own.
    let mut order = teapots(1);
    order["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    alice.post("/v1/orders", order).await.expect(201);
    let (kept, rebuild) = told(&server);

    let superuser = &house.database.superuser;
    let (mut most, mut most_kept) = (0, 0);
    let mut look = async || {
        let (now, scans) = sessions(superuser).await;
        most = most.max(now + scans);
        most_kept = most_kept.max(now);
        now
    };
    let work = async {
        let customers = (0..16).map(|_| async {
            loop {
                alice.post("/v1/orders", teapots(1)).await.expect(201);
                alice.get("/v1/orders?limit=1").await.expect(200);
            }
        });
        join_all(customers).await;
    };
    let rebuilds = async {
        let operator = house.operator(&server);
        for model in ["orders", "products", "stock", "sales", "taxes"] {
            let asked =
                operator.post(&format!("/admin/projections/{model}/rebuilds"), json!({})).await.expect(202);
            let location = asked.header("location").unwrap().to_owned();
            until("it is rebuilt", async || {
                look().await;
                operator.get(&location).await.expect(200).json()["state"] == "done"
            })
            .await;
        }
        // There are two generations of each now.
        let all = kept - AUDITORS - SPARE;
        until("all that are counted are there", async || look().await >= all).await;
    };
    select(Box::pin(work), Box::pin(rebuilds)).await;
    assert!(most_kept <= kept - AUDITORS + 2, "it keeps {most_kept}, and {kept} are told");
    assert!(most <= kept + rebuild, "it has had {most}, and {kept} and {rebuild} are told");
}

/// Catches: a process that starts and then waits for connections that it can never have; one that doesn't start during an
/// upgrade.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_can_never_have_its_connections_does_not_start() {
    let postgres = OwnPostgres::start_with(SMALL);
    let house = House::on(TestDatabase::on(&postgres.url()).await);
    let refusal = |server: &Daybook| {
        let ended = server.command(&["serve"]).output().unwrap();
        assert!(!ended.status.success());
        String::from_utf8_lossy(&ended.stderr).into_owned()
    };
    // Pools of 10, 5 and 12, two generations of five read models, an auditor, and some that are single.
    let refused = refusal(&house.server("large"));
    for part in [
        "setting database_url: ",
        "room for 37 connections",
        "max_connections is 40, 3 are reserved",
        "may need 49",
        "10 for queries (setting queries.connections)",
        "12 behind the log (background.connections)",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }

    let mut small = house.server("small").with("roles", "api").with("queries.connections", 4);
    small.start();
    assert_eq!(told(&small).0, 12, "{}", small.log());
    assert!(!small.log().contains("PostgreSQL has room for"), "{}", small.log());
    let others = join_all((0..20).map(|_| house.database.foreign_session())).await;
    let mut late = house.server("late").with("roles", "api").with("queries.connections", 12);
    late.start();
    assert!(
        late.log().contains("of them are others' already, and this process may need 20"),
        "{}",
        late.log()
    );
    join_all(others.into_iter().map(Connection::close)).await;
    small.kill();
    late.kill();

    let api = |name: &str| house.server(name).with("roles", "api").with("queries.connections", 4);
    limit(&house.database, 11).await;
    let refused = refusal(&api("limited"));
    assert!(
        refused.contains("room for 11 connections") && refused.contains("CONNECTION LIMIT of its database"),
        "{refused}"
    );
    // Where there is none at all, PostgreSQL's own words are told.
    limit(&house.database, 0).await;
    let full = api("last").with("database.start_timeout", "0s").with("database.acquire_timeout", "100ms");
    let refused = refusal(&full);
    assert!(refused.contains("too many connections for database"), "{refused}");
}

async fn limit(database: &TestDatabase, connections: u32) {
    let set = format!(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT {connections}', current_database()); END $$"
    );
    database.execute(&set).await;
}
