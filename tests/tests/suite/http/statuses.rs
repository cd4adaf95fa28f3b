//! What is said of a projection is true: soon, in the admin API and in the metrics alike.

use std::time::{Duration, Instant};

use daybook_core::config::Part;
use daybook_tests::{TestApp, until};
use serde_json::{Value, json};
use sqlx::Executor;

use super::orders::{order, place};

const STATUSES: [&str; 7] =
    ["running", "catching_up", "parked", "paused", "diverged", "rebuilding", "stalled"];
/// Within which it is told that no process works.
const SECONDS: Duration = Duration::from_secs(9);

async fn projection(app: &TestApp, name: &str) -> Value {
    app.operator().get(&format!("/admin/projections/{name}")).await.expect(200).json()
}

/// What the metrics of this process say; `None`, if nothing or more than one thing.
async fn measured(app: &TestApp, name: &str) -> Option<&'static str> {
    let metrics = app.telemetry.get("/metrics").await.expect(200).text();
    let is = |status: &&str| {
        metrics.contains(&format!("daybook_projection_state{{projection=\"{name}\",state=\"{status}\"}} 1"))
    };
    let said: Vec<&str> = STATUSES.into_iter().filter(is).collect();
    (said.len() == 1).then(|| said[0])
}

/// Until the projection is called that, by all who tell.
pub async fn status(app: &TestApp, name: &str, status: &str) {
    until(&format!("{name} is {status}"), async || projection(app, name).await["status"] == status).await;
    until(&format!("{name} is measured to be {status}"), async || {
        measured(app, name).await == Some(STATUSES.into_iter().find(|one| *one == status).unwrap())
    })
    .await;
}

async fn buy(app: &TestApp) {
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
}

/// It is told by steps, within seconds, and its lag grows.
async fn is_called_stalled(app: &TestApp, name: &str) {
    let since = Instant::now();
    status(app, name, "catching_up").await;
    let before = projection(app, name).await;
    assert!(
        before["lag_events"].as_i64() > Some(0) && before["lag_seconds"].as_f64() > Some(2.0),
        "{before}"
    );
    buy(app).await;
    status(app, name, "stalled").await;
    assert!(since.elapsed() < SECONDS, "after {:?}", since.elapsed());
    let after = projection(app, name).await;
    assert!(after["lag_events"].as_i64() > before["lag_events"].as_i64(), "{after}");
    assert!(after["lag_seconds"].as_f64() > before["lag_seconds"].as_f64(), "{after}");
}

/// Catches: a worker that hangs in the database and is called running.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_hangs_is_called_stalled_and_the_others_are_not() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.settle().await;
    let mut foreign = app.database.foreign_session().await;
    foreign.execute("BEGIN; LOCK TABLE read.stock_g1").await.unwrap();
    buy(&app).await;
    is_called_stalled(&app, "stock").await;
    for name in ["orders", "products", "sales", "reactor"] {
        status(&app, name, "running").await;
        assert_eq!(projection(&app, name).await["lag_events"], 0);
    }
    drop(foreign);
    status(&app, "stock", "running").await;
}

/// Catches: a status that only the one who works keeps up to date.
#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_projects_that_is_said() {
    let app = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    app.sell("TEA-1", 1999, 100).await;
    is_called_stalled(&app, "stock").await;
    // It is wanted, and no process does that either.
    app.operator().post("/admin/projections/stock/rebuilds", json!({})).await.expect(202);
    status(&app, "stock", "stalled").await;
    let mut worker = app.twin(|config| config.roles = vec![Part::Projections]).await;
    status(&app, "stock", "running").await;
    worker.stop().await;
    app.operator().post("/admin/projections/stock/rebuilds", json!({})).await.expect(202);
    status(&app, "stock", "rebuilding").await;
}

/// Catches: an alarm that a rebuild, a pause or a restart of the database would hide.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_still_on_purpose_or_for_a_reason_has_a_name() {
    let mut app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.settle().await;
    status(&app, "orders", "running").await;
    let operator = app.operator();
    operator.post("/admin/projections/orders/pause", json!({})).await.expect(200);
    buy(&app).await;
    status(&app, "orders", "paused").await;
    assert!(projection(&app, "orders").await["lag_events"].as_i64() > Some(0));
    // As after a failover that has lost what it stands on. A worker that hasn't seen the pause yet would go on from what it
    // has in mind.
    app.stop().await;
    app.database.execute("UPDATE checkpoints SET event_id = gen_random_uuid() WHERE name = 'orders'").await;
    let app = app.twin(|_| {}).await;
    app.operator().post("/admin/projections/orders/resume", json!({})).await.expect(200);
    status(&app, "orders", "diverged").await;
    assert!(projection(&app, "orders").await["reason"].is_string());
    status(&app, "stock", "running").await;
}

/// Catches: a gauge that goes on saying what was true when it was last known.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_is_not_measured() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    status(&app, "stock", "running").await;
    let mut foreign = app.database.foreign_session().await;
    foreign.execute("BEGIN; LOCK TABLE checkpoints").await.unwrap();
    until("nothing is said", async || measured(&app, "stock").await.is_none()).await;
    drop(foreign);
    status(&app, "stock", "running").await;
}
