//! Read models are compared with the log all the time, and what differs is named.

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{OwnPostgres, TestApp, TestDatabase, until};
use serde_json::{Value, json};

use super::{
    operators::rebuilt,
    orders::{order, place},
};

async fn audited() -> TestApp {
    TestApp::start_with(|config| config.proof.interval = Span::millis(20)).await
}

async fn projection(app: &TestApp, name: &str) -> Value {
    app.operator().get(&format!("/admin/projections/{name}")).await.expect(200).json()
}

async fn proved(app: &TestApp, name: &str) {
    app.settle().await;
    until("everything is proved", async || {
        let one = projection(app, name).await;
        one["proved_position"] == one["head"] && one["status"] == "running"
    })
    .await;
}

/// Says why.
async fn diverged(app: &TestApp, name: &str) -> String {
    until("the auditor finds it", async || projection(app, name).await["status"] == "diverged").await;
    let found = app.telemetry.get("/metrics").await.expect(200).text();
    assert!(found.contains(&format!("daybook_audit_findings_total{{projection=\"{name}\"")), "{found}");
    let state = format!("daybook_projection_state{{projection=\"{name}\",state=\"diverged\"}} 1");
    until("an alarm can be set on it", async || app.telemetry.get("/metrics").await.text().contains(&state))
        .await;
    projection(app, name).await["reason"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_applied_is_proved_up_to_the_head() {
    let app = audited().await;
    app.sell("TEA-1", 1999, 100).await;
    for _ in 0..3 {
        place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    }
    for name in ["orders", "products", "sales", "stock"] {
        proved(&app, name).await;
        until("all rows were compared", async || {
            projection(&app, name).await["rows_compared_at"].is_string()
        })
        .await;
    }
    // A generation that was built stream after stream comes to the same account.
    let begun = app.operator().post("/admin/projections/stock/rebuilds", json!({})).await.expect(202);
    assert_eq!(rebuilt(&app, begun.header("location").unwrap()).await["state"], "done");
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    proved(&app, "stock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_changed_by_hand_is_named_until_it_is_right_again() {
    let app = audited().await;
    app.sell("TEA-1", 1999, 100).await;
    app.sell("TEA-2", 1999, 100).await;
    proved(&app, "stock").await;
    let of_tea_1 = |sign: &str| {
        format!(
            "UPDATE read.stock_g1 SET doc = (doc::jsonb || jsonb_build_object('on_hand',
                    (doc->>'on_hand')::bigint {sign} 1))::json WHERE id = 'TEA-1'"
        )
    };
    let doc = "SELECT doc::text FROM read.stock_g1 WHERE id = 'TEA-1'";
    let before: String = sqlx::query_scalar(doc).fetch_one(&app.database.superuser).await.unwrap();
    app.database.execute(&of_tea_1("+")).await;
    let reason = diverged(&app, "stock").await;
    assert!(reason.contains("TEA-1") && !reason.contains("TEA-2"), "{reason}");
    // The others go on, and so does this one.
    place(&app.customer("alice"), order(&[("TEA-2", 1)])).await;
    app.settle().await;
    assert_eq!(projection(&app, "orders").await["status"], "running");
    app.database.execute(&format!("UPDATE read.stock_g1 SET doc = '{before}' WHERE id = 'TEA-1'")).await;
    proved(&app, "stock").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_deleted_by_hand_is_named_and_a_rebuild_brings_it_back() {
    let app = audited().await;
    app.sell("TEA-1", 1999, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    proved(&app, "orders").await;
    app.database.execute(&format!("DELETE FROM read.orders_g1 WHERE id = '{id}'")).await;
    let reason = diverged(&app, "orders").await;
    assert!(reason.contains(&id) && reason.contains("missing"), "{reason}");
    let begun = app.operator().post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    assert_eq!(rebuilt(&app, begun.header("location").unwrap()).await["state"], "done");
    proved(&app, "orders").await;
    app.customer("alice").get(&format!("/v1/orders/{id}")).await.expect(200);
}

/// Catches: a log that has lost an event, told as a read model that a rebuild would repair.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_lost_an_event_is_told_as_the_fault_of_the_log() {
    let app = audited().await;
    app.sell("TEA-1", 1999, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    proved(&app, "orders").await;
    let renumber = async |from: i64, to: i64| {
        let sql =
            format!("UPDATE events SET sequence = {to} WHERE aggregate_id = '{id}' AND sequence = {from}");
        app.database.change_log(&sql).await;
    };
    assert!(projection(&app, "orders").await["broken_stream"].is_null());
    renumber(2, 9).await;
    let reason = diverged(&app, "orders").await;
    assert!(reason.contains(&id) && reason.contains("no event 2"), "{reason}");
    assert_eq!(projection(&app, "orders").await["broken_stream"], reason);
    renumber(9, 2).await;
    proved(&app, "orders").await;
    assert!(projection(&app, "orders").await["broken_stream"].is_null());
}

/// Catches: a consumer that leaves an event out while its lag shows nothing. Here it is done by hand.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_never_applied_is_found_though_nothing_lags() {
    let app = audited().await;
    app.sell("TEA-1", 1999, 100).await;
    proved(&app, "stock").await;
    app.operator().post("/admin/projections/stock/pause", json!({})).await.expect(200);
    let warehouse = app.by(Role::Warehouse);
    let received = warehouse.post("/v1/stock/TEA-1/receipts", json!({"quantity": 5})).await.expect(200);
    let position = received.json()["position"].as_i64().unwrap();
    app.database
        .execute(&format!(
            "UPDATE checkpoints SET position = {position},
                    event_id = (SELECT event_id FROM events WHERE position = {position}) WHERE name = 'stock'"
        ))
        .await;
    app.operator().post("/admin/projections/stock/resume", json!({})).await.expect(200);
    let reason = diverged(&app, "stock").await;
    assert!(
        reason.contains("TEA-1") || reason.contains(&format!("{position}")),
        "the row or the position is named: {reason}"
    );
    assert_eq!(projection(&app, "stock").await["lag_events"], 0);
}

/// Catches: sessions that vanish in a transaction, of which PostgreSQL has a line in its log, a hundred a minute.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_read_all_of_a_read_model_take_their_leave() {
    let postgres = OwnPostgres::start();
    let database = TestDatabase::on(&postgres.url()).await;
    let app = TestApp::start_on(database, |config| config.proof.interval = Span::millis(20)).await;
    app.sell("TEA-1", 1999, 100).await;
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    proved(&app, "orders").await;
    let begun = app.operator().post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    assert_eq!(rebuilt(&app, begun.header("location").unwrap()).await["state"], "done");
    let found = app.operator().post("/admin/verifications", json!({})).await.expect(200).json();
    assert_eq!(found["log"]["differences"], 0, "{found}");
    for name in ["orders", "products", "sales", "stock"] {
        let compared = async || projection(&app, name).await["rows_compared_at"].clone();
        let before = compared().await;
        until("rows are compared again", async || compared().await != before).await;
    }
    let told = postgres.log();
    assert!(!told.contains("unexpected EOF"), "{told}");
}
