//! What operators see and do.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use daybook_core::config::Part;
use daybook_domain::policy::Role;
use daybook_tests::{TestApp, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    mails::order_with_mail,
    orders::{order, place},
};

pub async fn rebuilt(app: &TestApp, location: &str) -> Value {
    let operator = app.operator();
    until("the rebuild is over", async || {
        let state = operator.get(location).await.expect(200).json();
        ["done", "failed", "cancelled"].contains(&state["state"].as_str().unwrap())
    })
    .await;
    operator.get(location).await.json()
}

/// Is everything as the log says?
pub async fn verified(app: &TestApp) {
    app.settle().await;
    let found = app.operator().post("/admin/verifications", json!({})).await.expect(200).json();
    assert_eq!(found["log"]["differences"], 0, "{found}");
    for model in found["read_models"].as_array().unwrap() {
        assert_eq!(model["differences"], 0, "{model}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_see_how_far_everything_is() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let operator = app.operator();
    let projections = operator.get("/admin/projections").await.expect(200).json();
    let names: Vec<&str> =
        projections.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    for name in ["orders", "products", "sales", "stock"] {
        assert!(names.contains(&name), "{names:?}");
        let one = operator.get(&format!("/admin/projections/{name}")).await.expect(200).json();
        assert_eq!((&one["status"], &one["lag_events"]), (&json!("running"), &json!(0)), "{one}");
        assert_eq!(one["position"], one["head"]);
        for member in ["generation", "lag_seconds"] {
            assert!(one[member].is_number(), "{member}: {one}");
        }
    }
    operator.get("/admin/projections/nothing").await.expect(404);
    until("the relay has published everything", async || {
        let log = operator.get("/admin/log").await.expect(200).json();
        log["relay_position"] == log["head"] && log["head"] == 5
    })
    .await;
    verified(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_is_for_operators() {
    let app = TestApp::start().await;
    for (method, path) in [
        ("GET", "/admin/projections"),
        ("GET", "/admin/log"),
        ("GET", "/admin/dead-letters"),
        ("GET", "/admin/features"),
        ("GET", "/admin/workers"),
        ("GET", "/admin/log-levels"),
        ("POST", "/admin/projections/orders/rebuilds"),
        ("POST", "/admin/projections/orders/pause"),
        ("POST", "/admin/verifications"),
    ] {
        let ask = async |role: Option<Role>| {
            let token = role.map(|role| app.token("x", &[role]));
            let client = token.map_or(app.admin().clone(), |token| app.admin().with_token(token));
            client.send(client.request(method.parse().unwrap(), path)).await
        };
        assert_eq!(ask(None).await.refusal(), "401 unauthenticated");
        for role in Role::ALL.into_iter().filter(|role| ![Role::Operator, Role::Admin].contains(role)) {
            assert_eq!(ask(Some(role)).await.refusal(), "403 forbidden", "{role:?} {path}");
        }
    }
    // Nor is the admin API to be had at the public listener.
    let token = app.token("operator", &[Role::Operator]);
    app.anonymous.with_token(token).get("/admin/projections").await.expect(404);
    assert_eq!(app.database.count("SELECT count(*) FROM rebuilds").await, 0);
}

/// Catches: a load that asks for effects again; a checkpoint in another transaction than the rows. An effect that a
/// projection proposes anew would be the same row of the ledger, and nothing would follow from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_under_load_sends_nothing_and_equals_the_log() {
    let app = Arc::new(TestApp::start().await);
    app.sell("TEA-1", 1999, 100_000).await;
    let alice = app.customer("alice");
    for _ in 0..30 {
        place(&alice, order(&[("TEA-1", 1)])).await;
    }
    for _ in 0..5 {
        order_with_mail(&alice).await;
    }
    app.settle().await;
    assert_eq!(app.mails().len(), 5);

    let enough = Arc::new(AtomicBool::new(false));
    let mut load = JoinSet::new();
    for _ in 0..4 {
        let (alice, support) = (app.customer("alice"), app.by(Role::Support));
        let enough = Arc::clone(&enough);
        load.spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                let id = place(&alice, order(&[("TEA-1", 1)])).await;
                support.post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
                let shown = alice.get(&format!("/v1/orders/{id}")).await.expect(200).json();
                assert_eq!(shown["status"], "confirmed", "served while a rebuild is going on");
            }
        });
    }
    for name in ["orders", "stock", "sales", "orders"] {
        let begun = app.operator().post(&format!("/admin/projections/{name}/rebuilds"), json!({})).await;
        let begun = begun.expect(202);
        let rebuild = rebuilt(&app, begun.header("location").unwrap()).await;
        assert_eq!(rebuild["state"], "done", "{rebuild}");
        assert_eq!(rebuild["projection"], name);
    }
    enough.store(true, Ordering::Relaxed);
    load.join_all().await;
    verified(&app).await;
    assert_eq!(app.mails().len(), 5, "nobody heard of it");
    // Nor was anything tried a second time, which would be the same mail with the same name.
    assert_eq!(app.database.count("SELECT sum(attempts)::bigint FROM effects").await, 5);
    let generation = app.operator().get("/admin/projections/orders").await.json()["generation"].clone();
    app.operator().post("/admin/projections/orders/rollback", json!({})).await.expect(200);
    let before = app.operator().get("/admin/projections/orders").await.json()["generation"].clone();
    assert_ne!(before, generation);
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    verified(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_can_be_paused_and_goes_on_where_it_was() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.settle().await;
    let operator = app.operator();
    let reason = json!({"reason": "looking into something"});
    let paused = operator.post("/admin/projections/orders/pause", reason).await.expect(200).json();
    assert_eq!(paused["status"], "paused");
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    let request = alice.request(reqwest::Method::GET, &format!("/v1/orders/{id}"));
    let request = request.header("daybook-min-position", "4").header("request-timeout-ms", "300");
    assert_eq!(alice.send(request).await.refusal(), "503 read_model_behind");
    // Others go on.
    assert_eq!(app.by(Role::Warehouse).get("/v1/stock/TEA-1").await.expect(200).json()["held"], 1);
    operator.post("/admin/projections/orders/resume", json!({})).await.expect(200);
    alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    operator.post("/admin/projections/nothing/pause", json!({})).await.expect(404);
    verified(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_deed_is_noted_with_its_reason() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let request = operator.request(reqwest::Method::POST, "/admin/projections/orders/rebuilds");
    let request = request.header("x-request-id", "deed-1").json(&json!({"reason": "because"}));
    let begun = operator.send(request).await.expect(202);
    let location = begun.header("location").unwrap().to_owned();
    assert_eq!(rebuilt(&app, &location).await["state"], "done");
    let noted = "SELECT count(*) FROM audit WHERE request_id = 'deed-1' AND actor = 'operator'
                    AND action = 'projection.rebuild' AND target = 'orders' AND reason = 'because'
                    AND outcome = 'allowed'";
    assert_eq!(app.database.count(noted).await, 1);
    let over = operator.delete(&location).await;
    assert_eq!(over.refusal(), "409 conflict");
    operator.get("/admin/rebuilds/019b0000-0000-7000-8000-000000000001").await.expect(404);
    operator.post("/admin/projections/nothing/rebuilds", json!({})).await.expect(404);
    let bad = operator.post("/admin/projections/orders/pause", json!({"why": "x"})).await;
    assert_eq!(bad.refusal(), "422 validation_failed /why unknown_field");
}

/// Where no process works, a rebuild waits; so it can be met while it is running.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_runs_once_at_a_time_and_can_be_given_up() {
    let app = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    app.sell("TEA-1", 1999, 100).await;
    let operator = app.operator();
    let rebuilds = "/admin/projections/stock/rebuilds";
    let begun = operator.post(rebuilds, json!({})).await.expect(202);
    assert_eq!(operator.post(rebuilds, json!({})).await.refusal(), "409 already_running");
    operator.post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    let location = begun.header("location").unwrap();
    let waiting = operator.get(location).await.expect(200).json();
    assert_eq!((&waiting["state"], &waiting["done_events"]), (&json!("building"), &json!(0)), "{waiting}");
    assert_eq!(operator.delete(location).await.expect(200).json()["state"], "cancelled");
    operator.delete(location).await.expect(200);
    let again = operator.post(rebuilds, json!({})).await.expect(202);
    // Another process takes it on.
    let worker = app.twin(|config| config.roles = vec![Part::Projections]).await;
    assert_eq!(rebuilt(&app, again.header("location").unwrap()).await["state"], "done");
    assert_eq!(app.by(Role::Warehouse).get("/v1/stock/TEA-1").await.expect(200).json()["on_hand"], 100);
    drop(worker);
}

/// Catches: a new generation that begins to run where an operator has stopped its read model.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_leaves_a_pause_as_it_is() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.settle().await;
    let operator = app.operator();
    operator.post("/admin/projections/orders/pause", json!({})).await.expect(200);
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let begun = operator.post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    assert_eq!(rebuilt(&app, begun.header("location").unwrap()).await["state"], "done");
    let status =
        async || operator.get("/admin/projections/orders").await.expect(200).json()["status"].clone();
    assert_eq!(status().await, "paused");
    operator.post("/admin/projections/orders/resume", json!({})).await.expect(200);
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.settle().await;
    verified(&app).await;
}
