//! What can't be handled, now or later, stops as little as can be, and waits for an operator.

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{TestApp, metrics, smtp::MailSink, until};
use serde_json::{Value, json};

use super::{
    mails::order_with_mail,
    orders::{order, place},
    statuses::status,
};

/// Puts an event into the log that no server would. Says at which position.
pub async fn append(app: &TestApp, kind: &str, id: &str, event: &str, payload: &str) -> i64 {
    app.database
        .execute(&format!(
            "INSERT INTO events
             SELECT '{kind}', '{id}', (SELECT count(*) FROM events WHERE aggregate_id = '{id}') + 1, '{event}',
                    '1', '{payload}', '{{}}', max(position) + 1, gen_random_uuid(), clock_timestamp() FROM events;
             SELECT pg_notify('daybook_log', (SELECT max(position) FROM events)::text)"
        ))
        .await;
    app.database.count("SELECT max(position) FROM events").await
}

/// The open dead letter of this consumer: there is exactly one.
pub async fn letter(app: &TestApp, consumer: &str, position: i64) -> String {
    let all = app.operator().get("/admin/dead-letters").await.expect(200).json();
    let of_consumer = |letter: &&Value| letter["consumer"] == consumer && letter["resolution"].is_null();
    let open: Vec<&Value> = all.as_array().unwrap().iter().filter(of_consumer).collect();
    assert_eq!(open.len(), 1, "{all}");
    assert_eq!(open[0]["position"], position, "{all}");
    open[0]["id"].as_str().unwrap().to_owned()
}

pub async fn resolve(app: &TestApp, letter: &str, how: &str) {
    let reason = json!({"reason": format!("{how} it")});
    app.operator().post(&format!("/admin/dead-letters/{letter}/{how}"), reason).await.expect(200);
    let noted = format!(
        "SELECT count(*) FROM audit WHERE actor = 'operator' AND action = 'dead_letter.{how}'
            AND target = '{letter}' AND reason = '{how} it' AND outcome = 'allowed'"
    );
    assert_eq!(app.database.count(&noted).await, 1);
}

/// The log itself isn't, now that it holds what can't be read.
pub async fn read_models_are_right(app: &TestApp) {
    app.settle().await;
    let found = app.operator().post("/admin/verifications", json!({})).await.expect(200).json();
    for model in found["read_models"].as_array().unwrap() {
        assert_eq!(model["differences"], 0, "{model}");
    }
}

/// How often it was tried and given up.
fn times_parked(name: &str) -> f64 {
    metrics::of_labels("daybook_projection_stopped_total", &[("projection", name), ("state", "parked")])
}

/// What the others do meanwhile.
async fn others_go_on(app: &TestApp) {
    let alice = app.customer("alice");
    for _ in 0..5 {
        let id = place(&alice, order(&[("TEA-1", 1)])).await;
        alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    }
}

/// Catches: a projection that a process of the former release parks, while one that can go on is there; and one that is
/// never parked.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_release_may_be_able_to_read_is_left_to_it_as_long_as_it_is_there() {
    let app = TestApp::start_with(|config| config.background.lease_term = Span::seconds(1)).await;
    app.sell("TEA-1", 1999, 1_000).await;
    app.settle().await;
    app.database
        .execute(
            "INSERT INTO processes (id, release, commit, features, seen_at)
             VALUES (gen_random_uuid(), '99.0.0', '', '{}', clock_timestamp() + interval '1 hour')",
        )
        .await;
    append(&app, "order", "ord_019b0000000070008000000000000001", "OrderTeleported", "{}").await;
    let held = "SELECT count(*) FROM leases WHERE expires_at > clock_timestamp()
                   AND (name LIKE 'projection/orders/%' OR name LIKE 'projection/sales/%')";
    until("both have given their leases back", async || app.database.count(held).await == 0).await;
    let stopped = "SELECT count(*) FROM checkpoints WHERE state <> 'running'";
    let letters = "SELECT count(*) FROM dead_letters";
    assert_eq!((app.database.count(stopped).await, app.database.count(letters).await), (0, 0));
    app.database.execute("DELETE FROM processes WHERE release = '99.0.0'").await;
    for name in ["orders", "sales"] {
        status(&app, name, "parked").await;
    }
    assert!(app.database.count(letters).await > 0);
}

/// Catches: endless retries; a panic that ends the task; an event that is passed over; a past that doesn't
/// know what was skipped.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_applied_parks_one_projection_until_an_operator_says_what_to_do() {
    let app = TestApp::start_with(|config| config.proof.interval = Span::millis(20)).await;
    app.sell("TEA-1", 1999, 1_000).await;
    append(&app, "stock", "ODD", "StockReceived", r#"{"quantity":1}"#).await;
    let unknown = ("StockTeleported", "{}");
    let unreadable = ("StockReceived", r#"{"quantity":"many"}"#);
    // One piece more than can be counted.
    let panics = ("StockReceived", r#"{"quantity":9223372036854775807}"#);
    let mut times = 0.0;
    for (event, payload) in [unknown, unreadable, panics] {
        let position = append(&app, "stock", "ODD", event, payload).await;
        status(&app, "stock", "parked").await;
        times += 1.0;
        for retried in [false, true] {
            others_go_on(&app).await;
            let stock = app.operator().get("/admin/projections/stock").await.expect(200).json();
            assert_eq!(stock["position"], position - 1, "everything in front of it is applied: {stock}");
            assert!(stock["reason"].is_string(), "{stock}");
            assert!(times_parked("stock") <= times, "it was tried again, and nobody had said so");
            let letter = letter(&app, "stock", position).await;
            if retried {
                resolve(&app, &letter, "skip").await;
                break;
            }
            resolve(&app, &letter, "retry").await;
            times += 1.0;
            until("it is parked again", async || times_parked("stock") >= times).await;
        }
        status(&app, "stock", "running").await;
        read_models_are_right(&app).await;
    }
    for name in ["orders", "products", "sales", "reactor"] {
        assert!(times_parked(name) < 1.0, "{name} had nothing to do with it");
    }
    until("the auditor agrees with what was skipped", async || {
        let stock = app.operator().get("/admin/projections/stock").await.expect(200).json();
        assert_ne!(stock["status"], "diverged", "{stock}");
        stock["proved_position"] == stock["head"]
    })
    .await;
    let head = app.database.count("SELECT max(position) FROM events").await;
    let warehouse = app.by(Role::Warehouse);
    let today = warehouse.get("/v1/stock/ODD").await.expect(200).json();
    let past = warehouse.get(&format!("/v1/stock/ODD?as_of_position={head}")).await.expect(200).json();
    assert_eq!((&today["on_hand"], &past["on_hand"]), (&json!(1), &json!(1)));
}

/// Catches: a reactor that passes over what it can't read.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_event_that_cannot_be_read_parks_what_reads_orders() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    place(&alice, order(&[("TEA-1", 1)])).await;
    let odd = "ord_019b0000000070008000000000000001";
    let position = append(&app, "order", odd, "OrderTeleported", "{}").await;
    for name in ["orders", "sales", "reactor"] {
        status(&app, name, "parked").await;
    }
    order_with_mail(&alice).await;
    let merchandiser = app.by(Role::Merchandiser);
    merchandiser.patch("/v1/products/TEA-1", json!({"name": "Other"})).await.expect(200);
    assert_eq!(app.anonymous.get("/v1/products/TEA-1").await.expect(200).json()["name"], "Other");
    assert_eq!(app.by(Role::Warehouse).get("/v1/stock/TEA-1").await.expect(200).json()["held"], 2);
    assert_eq!(app.mails().len(), 0);
    for name in ["orders", "sales", "reactor"] {
        assert!(times_parked(name) <= 1.0, "{name} was tried again, and nobody had said so");
        resolve(&app, &letter(&app, name, position).await, "skip").await;
        status(&app, name, "running").await;
    }
    read_models_are_right(&app).await;
    assert_eq!(app.mails().len(), 1);
}

/// Catches: an effect that is tried for ever; one that is tried again after it was skipped.
#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_fails_too_often_waits_for_an_operator() {
    let sink = MailSink::start().await;
    let app = TestApp::start_with(|config| config.mail.smtp_url = Some(sink.url().as_str().into())).await;
    app.sell("TEA-1", 1999, 100).await;
    for (how, mails) in [("retry", 1), ("skip", 1)] {
        sink.refuse(2);
        order_with_mail(&app.customer("alice")).await;
        let failed = "SELECT count(*) FROM effects WHERE state = 'pending' AND last_error IS NOT NULL";
        until("it has failed once", async || app.database.count(failed).await == 1).await;
        // As if that had happened all night.
        app.database
            .execute("UPDATE effects SET attempts = 19, due_at = now() WHERE state = 'pending'")
            .await;
        let dead = "SELECT count(*) FROM effects WHERE state = 'dead'";
        until("it is given up", async || app.database.count(dead).await == 1).await;
        let position = "SELECT position FROM effects WHERE state = 'dead'";
        let position = app.database.count(position).await;
        status(&app, "reactor", "running").await;
        resolve(&app, &letter(&app, "reactor", position).await, how).await;
        app.settle().await;
        assert_eq!(sink.mails().len(), mails, "{how}");
    }
    let skipped = "SELECT count(*) FROM effects WHERE state = 'skipped' AND attempts = 20";
    assert_eq!(app.database.count(skipped).await, 1);
}
