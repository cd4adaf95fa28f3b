//! An order that is to be paid by a time gives back what it holds if it wasn't.

use chrono::{DateTime, FixedOffset};
use daybook_domain::{feature::Feature, policy::Role, settings::Span};
use daybook_tests::{TestApp, until};
use serde_json::{Value, json};

use super::{
    mails::order_with_mail,
    orders::{order, place},
};

async fn shop(ttl: Span) -> TestApp {
    let app =
        TestApp::start_having(&[Feature::ExpireOrders], |config| config.commands.hold_ttl = Some(ttl)).await;
    // Effects are due by the clock of the database.
    let now = app.database.count("SELECT extract(epoch FROM statement_timestamp())::bigint").await;
    app.advance(now - app.now().timestamp());
    app.sell("TEA-1", 1999, 10).await;
    app
}

async fn shown(app: &TestApp, id: &str) -> Value {
    app.by(Role::Support).get(&format!("/v1/orders/{id}")).await.expect(200).json()
}

async fn held(app: &TestApp) -> Value {
    app.by(Role::Warehouse).get("/v1/stock/TEA-1").await.expect(200).json()["held"].clone()
}

fn time(text: &Value) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap()
}

/// Catches: a timer in memory, and one that no one can follow to what it was for.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_confirmed_in_time_ends_by_itself() {
    let app = shop(Span::seconds(1)).await;
    let id = order_with_mail(&app.customer("alice")).await;
    until("it is cancelled", async || shown(&app, &id).await["status"] == "cancelled").await;
    app.settle().await;
    assert_eq!(held(&app).await, 0);
    let order = shown(&app, &id).await;
    assert_eq!((&order["cancel_cause"], &order["cancel_reason"]), (&json!("unpaid"), &Value::Null));
    let told = app.mails();
    let cancelled = told.iter().find(|mail| mail.contains("Order cancelled")).expect("a mail says so");
    assert!(cancelled.contains("was not paid in time"), "{cancelled}");

    let path = format!("/v1/events?stream=order/{id}");
    let events = app.by(Role::Analyst).get(&path).await.expect(200).json()["data"].clone();
    let (placed, ended) = (&events[0], &events[1]);
    assert_eq!(ended["payload"], json!({"cause": "unpaid"}));
    assert_eq!(ended["metadata"]["actor"], "system:order.expire");
    assert_eq!(ended["metadata"]["cause"], placed["event_id"]);
    assert_eq!(ended["metadata"]["request_id"], placed["metadata"]["request_id"]);
    assert!(time(&ended["recorded_at"]) >= time(&placed["payload"]["pay_until"]));
}

/// Catches: a timer that cancels what was confirmed, and a time for orders of a shop that gives none.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_confirmed_in_time_stays() {
    let app = shop(Span::seconds(2)).await;
    let alice = app.customer("alice");
    let (stays, ends) =
        (place(&alice, order(&[("TEA-1", 1)])).await, place(&alice, order(&[("TEA-1", 2)])).await);
    app.by(Role::Support).post(&format!("/v1/orders/{stays}/confirmation"), json!({})).await.expect(200);
    until("the other is cancelled", async || shown(&app, &ends).await["status"] == "cancelled").await;
    let performed = "SELECT count(*) FROM effects WHERE kind = 'order.expire' AND state = 'done'";
    until("both were looked at", async || app.database.count(performed).await == 2).await;
    let stays = shown(&app, &stays).await;
    assert_eq!((&stays["status"], &stays["cancel_cause"]), (&json!("confirmed"), &Value::Null));
    assert!(stays["pay_until"].is_string(), "{stays}");

    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    assert_eq!(shown(&app, &id).await["pay_until"], Value::Null);
    app.settle().await;
    assert_eq!(app.database.count("SELECT count(*) FROM effects").await, 0);
}
