//! Several workers share the streams of a read model; together they are one.

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{TestApp, TestDatabase, until};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    operators::rebuilt,
    orders::{order, place},
    poison::{append, letter, read_models_are_right, resolve},
    statuses::status,
};

async fn partitioned(partitions: usize) -> TestApp {
    TestApp::start_with(|config| {
        config.projections.partitions = partitions;
        config.proof.interval = Span::millis(20);
    })
    .await
}

async fn projection(app: &TestApp, name: &str) -> Value {
    app.operator().get(&format!("/admin/projections/{name}")).await.expect(200).json()
}

/// In how many partitions a read model is served.
async fn partitions(app: &TestApp, name: &str) -> usize {
    projection(app, name).await["partitions"].as_array().map_or(1, Vec::len)
}

/// Each order is there, and first in the list, as soon as its position is asked for.
async fn orders_are_seen(app: &TestApp, times: usize) {
    let alice = app.customer("alice");
    for _ in 0..times {
        let placed = alice.post("/v1/orders", order(&[("TEA-1", 1)])).await.expect(201);
        let position = placed.header("daybook-position").unwrap().to_owned();
        let id = placed.json()["id"].as_str().unwrap().to_owned();
        alice.get(&format!("/v1/orders/{id}")).await.expect(200);
        let list = alice.get("/v1/orders?limit=1").await.expect(200);
        assert_eq!(list.json()["data"][0]["id"], *id);
        let reached: i64 = list.header("daybook-position").unwrap().parse().unwrap();
        assert!(reached >= position.parse().unwrap());
    }
}

async fn proved(app: &TestApp, name: &str) {
    app.settle().await;
    until("everything is proved", async || {
        let one = projection(app, name).await;
        assert_ne!(one["status"], "diverged", "{one}");
        one["proved_position"] == one["head"] && one["status"] == "running"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_partition_passes_every_position_and_applies_its_own_streams() {
    let app = partitioned(3).await;
    app.sell("TEA-1", 1999, 1_000).await;
    orders_are_seen(&app, 30).await;
    app.settle().await;
    for name in ["orders", "products", "sales", "stock"] {
        proved(&app, name).await;
        let passed = format!(
            "SELECT count(*) FROM checkpoints
              WHERE name = '{name}' AND position = (SELECT max(position) FROM events)"
        );
        assert_eq!(app.database.count(&passed).await, 3);
    }
    let shown = projection(&app, "orders").await;
    for partition in shown["partitions"].as_array().unwrap() {
        assert_eq!((&partition["status"], &partition["lag_events"]), (&json!("running"), &json!(0)));
    }
    let busy = "SELECT count(*) FROM checkpoints WHERE name = 'orders' AND applied > 0";
    assert_eq!(app.database.count(busy).await, 3, "each had something to do");
    let applied = "SELECT sum(applied)::bigint FROM checkpoints WHERE name = 'orders'";
    assert_eq!(app.database.count(applied).await, 30);
    read_models_are_right(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_applied_parks_the_partition_of_its_stream_alone() {
    let app = partitioned(4).await;
    for n in 1..=12 {
        app.sell(&format!("TEA-{n}"), 1999, 100).await;
    }
    append(&app, "stock", "ODD", "StockReceived", r#"{"quantity":1}"#).await;
    let position = append(&app, "stock", "ODD", "StockTeleported", "{}").await;
    status(&app, "stock", "parked").await;
    let warehouse = app.by(Role::Warehouse);
    for n in 1..=12 {
        let path = format!("/v1/stock/TEA-{n}/receipts");
        warehouse.post(&path, json!({"quantity": 1})).await.expect(200);
    }
    until("the other partitions have gone on", async || {
        let stock = projection(&app, "stock").await;
        let all = stock["partitions"].as_array().unwrap();
        let running = all.iter().filter(|one| one["status"] == "running" && one["lag_events"] == 0).count();
        assert_eq!(stock["position"], position - 1, "{stock}");
        running == 3
    })
    .await;
    let mut shown = 0;
    for n in 1..=12 {
        // Without a position: not all of them have it.
        let asked = warehouse.request(Method::GET, &format!("/v1/stock/TEA-{n}"));
        let stock = warehouse.send(asked).await.expect(200).json();
        shown += usize::from(stock["on_hand"] == 101);
    }
    assert!(shown >= 6, "most of the streams are in other partitions: {shown}");
    read_models_are_right_where_they_are(&app).await;
    resolve(&app, &letter(&app, "stock", position).await, "skip").await;
    status(&app, "stock", "running").await;
    read_models_are_right(&app).await;
    proved(&app, "stock").await;
}

/// One of a release that doesn't know some read model, say. Its share is half of them, and it takes none.
/// Catches: what one process leaves to another that never takes it.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_leaves_alone_is_taken_on() {
    let database = TestDatabase::new().await;
    database
        .execute("INSERT INTO leases VALUES ('worker/idle', gen_random_uuid(), now() + interval '1 hour')")
        .await;
    let app = TestApp::start_on(database, |config| config.background.lease_term = Span::seconds(1)).await;
    app.sell("TEA-1", 1999, 1_000).await;
    orders_are_seen(&app, 3).await;
    app.settle().await;
    let held = "SELECT count(*) FROM leases WHERE name LIKE 'projection/%/%' AND expires_at > now()";
    assert_eq!(app.database.count(held).await, 5);
    read_models_are_right(&app).await;
}

/// Without waiting for who is parked.
async fn read_models_are_right_where_they_are(app: &TestApp) {
    let found = app.operator().post("/admin/verifications", json!({})).await.expect(200).json();
    for model in found["read_models"].as_array().unwrap() {
        assert_eq!(model["differences"], 0, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_changes_how_many_share_a_read_model() {
    let mut before = partitioned(1).await;
    before.sell("TEA-1", 1999, 1_000).await;
    for _ in 0..10 {
        place(&before.customer("alice"), order(&[("TEA-1", 1)])).await;
    }
    before.stop().await;
    let app = before.twin(|config| config.projections.partitions = 4).await;
    orders_are_seen(&app, 5).await;
    assert_eq!(partitions(&app, "orders").await, 1, "what is there stays as it was made");
    let rebuild = app.operator().post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    assert_eq!(rebuilt(&app, rebuild.header("location").unwrap()).await["state"], "done");
    assert_eq!(partitions(&app, "orders").await, 4);
    for served in [4, 1, 4] {
        orders_are_seen(&app, 5).await;
        assert_eq!(partitions(&app, "orders").await, served);
        proved(&app, "orders").await;
        read_models_are_right(&app).await;
        app.operator().post("/admin/projections/orders/rollback", json!({})).await.expect(200);
    }
    assert_eq!(partitions(&app, "orders").await, 1);
}
