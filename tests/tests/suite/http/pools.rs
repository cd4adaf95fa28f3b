//! What is counted of the pools of database connections.

use daybook_migrations::SERVER;
use daybook_tests::{TestApp, metrics::of_labels, until};
use sqlx::Executor;
use tokio::task::JoinSet;

use super::orders::{order, place};

/// For how many seconds all connections of a pool were in use.
fn full_seconds(pool: &str) -> f64 {
    of_labels("daybook_pool_full_seconds_total", &[("pool", pool)])
}

/// Until the pools were looked at so often from now on.
async fn looked_at(app: &TestApp, times: u64) {
    let looks = || {
        let pools = app.crew().list().into_iter().find(|worker| worker.about.name == "pools");
        pools.expect("they are looked at").rounds
    };
    let enough = looks() + times;
    until("the pools are looked at", async || looks() >= enough).await;
}

/// Catches: a pool that counts as full before it has opened all its connections; time that is counted on when some are free
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_in_which_all_connections_of_a_pool_are_in_use_is_counted() {
    let app = TestApp::start().await;
    let connections = i64::from(app.config.queries.connections);
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    place(&alice, order(&[("TEA-1", 1)])).await;
    app.settle().await;
    looked_at(&app, 1).await;
    let (before, commands) = (full_seconds("queries"), full_seconds("commands"));

    let mut holder = app.database.foreign_session().await;
    holder.execute("BEGIN; LOCK TABLE read.orders_g1 IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut readers = JoinSet::new();
    let mut wait = async |wanted: i64| {
        for limit in readers.len() as i64 + 1..=wanted {
            let alice = alice.clone();
            readers.spawn(async move { alice.get(&format!("/v1/orders?limit={limit}")).await.status });
        }
        let waiting = async || app.database.waiting_for_lock(SERVER).await >= wanted;
        until(&format!("{wanted} readers wait for the table"), waiting).await;
    };
    wait(connections - 1).await;
    looked_at(&app, 3).await;
    assert_eq!(full_seconds("queries"), before, "one connection is free");
    wait(connections).await;
    until("it is counted", async || full_seconds("queries") > before + 1.0).await;

    holder.execute("ROLLBACK").await.unwrap();
    assert!(readers.join_all().await.iter().all(|status| *status == 200));
    looked_at(&app, 2).await;
    let after = full_seconds("queries");
    alice.get("/v1/orders").await.expect(200);
    looked_at(&app, 3).await;
    assert_eq!(full_seconds("queries"), after, "none is in use for long");
    assert_eq!(full_seconds("commands"), commands, "no command was waiting");
}
