//! Personal data is nowhere in clear but in the answers to those who may see it, and in their mails.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use daybook_domain::{feature::Feature, policy::Role};
use daybook_tests::{Client, TestApp, shop::new_id};
use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::Row;

use super::orders::{order, place};

/// Words that stand nowhere by chance.
const CANARIES: [&str; 4] = ["Zwetschgenmus", "canary.kumquat", "Quittengasse", "Pfirsichstadt"];
/// What is written about orders: why a price was changed, the parcel's number, why two orders were cancelled, and a
/// part of a third.
const NOTES: [&str; 5] = ["Holunderrabatt", "Mirabelle-1Z", "Schlehenreue", "Kornelkirsche", "Berberitze"];

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    for canary in CANARIES.into_iter().chain(NOTES) {
        assert!(!text.contains(canary), "{canary} in {what}");
    }
}

/// Every row of every table, as text.
async fn whole_database(app: &TestApp) -> Vec<(String, String)> {
    let tables = sqlx::query(
        "SELECT schemaname || '.' || quote_ident(relname) AS name FROM pg_stat_user_tables ORDER BY 1",
    )
    .fetch_all(&app.database.superuser)
    .await
    .unwrap();
    let mut contents = Vec::new();
    for table in tables {
        let name: String = table.get("name");
        let select = format!("SELECT coalesce(string_agg(t::text, E'\\n'), '') AS text FROM {name} t");
        let text: String = sqlx::query_scalar(&select).fetch_one(&app.database.superuser).await.unwrap();
        contents.push((name, text));
    }
    contents
}

async fn whole_stream(app: &TestApp, head: i64) -> String {
    let client = async_nats::connect(app.config.nats_url.expose()).await.unwrap();
    let stream = async_nats::jetstream::new(client).get_stream(&app.config.stream.name).await.unwrap();
    let consumer =
        stream.create_consumer(async_nats::jetstream::consumer::pull::Config::default()).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let mut text = String::new();
    for _ in 0..head {
        let message = messages.next().await.unwrap().unwrap();
        text.push_str(&format!(
            "{} {:?} {}\n",
            message.subject,
            message.headers,
            String::from_utf8_lossy(&message.payload)
        ));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_is_nowhere_in_clear() {
    let logged = Lines::default();
    let lines = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || lines.clone())
        .finish();
    // In nextest each test is a process; beside others, some other test's lines would be read, too.
    let _ = tracing::subscriber::set_global_default(subscriber);
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let alice = app.customer("alice");
    let mut body = order(&[("TEA-1", 1)]);
    body["contact"] = json!({"name": "Zwetschgenmus", "email": "canary.kumquat@example.com"});
    body["ship_to"] = json!({"name": "Zwetschgenmus", "street": "Quittengasse 1", "city": "Pfirsichstadt", "country": "DE"});
    let id = place(&alice, body.clone()).await;
    let shown = alice.get(&format!("/v1/orders/{id}")).await.expect(200).text();
    assert!(CANARIES.iter().all(|canary| shown.contains(canary)), "its owner sees it");
    alice.get("/v1/orders").await.expect(200);
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    app.by(Role::Warehouse).post(&format!("/v1/orders/{id}/shipments"), json!({})).await.expect(200);
    // Mistakes that quote what they found.
    body["contact"]["email"] = json!("canary.kumquat@@example.com");
    let refused = alice.post("/v1/orders", body.clone()).await.expect(422);
    body["contact"] = json!({"name": "Zwetschgenmus\u{0}", "email": "a@example.com"});
    alice.post("/v1/orders", body).await.expect(422);
    app.settle().await;
    assert_eq!(app.mails().len(), 2);
    assert!(app.mails().iter().all(|mail| mail.contains("canary.kumquat@example.com")));

    let head = daybook_tests::Log::read(&app.database.superuser).await.head().0;
    for (table, text) in whole_database(&app).await {
        assert_clean(&table, &text);
    }
    assert_clean("the stream", &whole_stream(&app, head).await);
    let analyst = app.by(Role::Analyst);
    assert_clean("the events", &analyst.get("/v1/events?limit=100").await.expect(200).text());
    assert_clean("the history", &alice.get(&format!("/v1/orders/{id}/history")).await.text());
    assert_clean("the metrics", &app.telemetry.get("/metrics").await.text());
    let _ = refused;
    let logged = String::from_utf8_lossy(&logged.0.lock().unwrap()).into_owned();
    let ours: String = logged.lines().filter(|line| line.contains("daybook")).collect::<Vec<_>>().join("\n");
    assert!(ours.contains("answered"), "the log was read");
    assert_clean("our log lines", &ours);
}

/// Throwing the key away erases a person everywhere at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_whose_key_is_thrown_away_is_forgotten() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let alice = app.customer("alice");
    let mut body = order(&[("TEA-1", 1)]);
    body["contact"] = json!({"name": "Zwetschgenmus", "email": "canary.kumquat@example.com"});
    let id = place(&alice, body).await;
    app.settle().await;
    app.database.execute("DELETE FROM person_keys WHERE owner = 'customer/alice'").await;
    // A process that has not read the key before; the other one forgets it within minutes.
    let twin = app.twin(|_| {}).await;
    let alice = twin.customer("alice");
    let shown = alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    assert_clean("the order", &shown.text());
    assert_eq!(shown.json()["erased"], true);
    assert_eq!(shown.json()["total"]["amount"], 1999);
    alice.post(&format!("/v1/orders/{id}/cancellation"), json!({})).await.expect(200);
    app.settle().await;
    let history = alice.get(&format!("/v1/orders/{id}/history")).await.expect(200).text();
    assert_clean("the history", &history);
}

/// One order was sold for less and shipped, one cancelled by its customer, and one of a guest by the shop.
struct Noted {
    shipped: String,
    regretted: String,
    of_guest: String,
}

async fn shop_with_notes() -> (TestApp, Noted) {
    let app = TestApp::start_having(&[Feature::SealNotes, Feature::CancelLines], |_| {}).await;
    app.sell("TEA-1", 1999, 10).await;
    let (alice, support, warehouse) = (app.customer("alice"), app.by(Role::Support), app.by(Role::Warehouse));
    let mut reduced = order(&[("TEA-1", 3)]);
    reduced["lines"][0]["unit_price"] = json!({"amount": 100, "currency": "EUR"});
    reduced["customer"] = json!("alice");
    reduced["override_reason"] = json!("Holunderrabatt");
    reduced["contact"] = json!({"name": "Zwetschgenmus", "email": "canary.kumquat@example.com"});
    let shipped = place(&support, reduced).await;
    let of = |id: &str, what: &str| format!("/v1/orders/{id}/{what}");
    let part = json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "reason": "Berberitze"});
    support.post(&of(&shipped, "cancellation"), part).await.expect(200);
    support.post(&of(&shipped, "confirmation"), json!({})).await.expect(200);
    warehouse.post(&of(&shipped, "shipments"), json!({"tracking": "Mirabelle-1Z"})).await.expect(200);
    let regretted = place(&alice, order(&[("TEA-1", 1)])).await;
    alice.post(&of(&regretted, "cancellation"), json!({"reason": "Schlehenreue"})).await.expect(200);
    let of_guest = place(&support, order(&[("TEA-1", 1)])).await;
    support.post(&of(&of_guest, "cancellation"), json!({"reason": "Kornelkirsche"})).await.expect(200);
    app.settle().await;
    (app, Noted { shipped, regretted, of_guest })
}

/// Catches: a note in clear in the log, in a read model, in a stored answer or in what other systems receive.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_about_an_order_is_sealed_and_shown_to_whom_it_was_shown_before() {
    let (app, Noted { shipped, regretted, of_guest }) = shop_with_notes().await;
    let head = daybook_tests::Log::read(&app.database.superuser).await.head().0;
    for (table, text) in whole_database(&app).await {
        assert_clean(&table, &text);
    }
    assert_clean("the stream", &whole_stream(&app, head).await);
    let events = app.by(Role::Analyst).get("/v1/events?limit=100").await.expect(200).text();
    assert_clean("the events", &events);
    for member in ["sealed_override_reason", "sealed_tracking", "sealed_reason"] {
        assert!(events.contains(member), "{member}");
    }

    let (alice, support) = (app.customer("alice"), app.by(Role::Support));
    let show =
        async |client: &Client, id: &str| client.get(&format!("/v1/orders/{id}")).await.expect(200).json();
    let reduced = show(&support, &shipped).await;
    assert_eq!((&reduced["override_reason"], &reduced["erased"]), (&json!("Holunderrabatt"), &Value::Null));
    assert_eq!(reduced["tracking"], json!(["Mirabelle-1Z"]));
    let hers = show(&alice, &shipped).await;
    assert_eq!((&hers["override_reason"], &hers["tracking"]), (&Value::Null, &json!(["Mirabelle-1Z"])));
    assert_eq!(show(&alice, &regretted).await["cancel_reason"], "Schlehenreue");
    assert_eq!(show(&support, &of_guest).await["cancel_reason"], "Kornelkirsche");

    let told = async |client: &Client, id: &str| {
        let history = client.get(&format!("/v1/orders/{id}/history")).await.expect(200).json();
        let changes = history["data"].as_array().unwrap().clone();
        changes
            .into_iter()
            .map(|change| json!([change["why"], change["details"]["tracking"]]))
            .collect::<Vec<_>>()
    };
    let nothing = json!([null, null]);
    let parcel = json!([null, "Mirabelle-1Z"]);
    let of_shop =
        [json!(["Holunderrabatt", null]), json!(["Berberitze", null]), nothing.clone(), parcel.clone()];
    assert_eq!(told(&support, &shipped).await, of_shop);
    assert_eq!(told(&alice, &shipped).await, [nothing.clone(), nothing.clone(), nothing.clone(), parcel]);
    assert_eq!(told(&alice, &regretted).await, [nothing.clone(), json!(["Schlehenreue", null])]);
    let mails = app.mails();
    assert!(mails.iter().any(|mail| mail.contains("Tracking   Mirabelle-1Z")), "{mails:?}");
}

/// Catches: a note under a key that an erasure doesn't reach, and an order that can't be shown after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_reaches_what_is_written_about_an_order() {
    let (app, Noted { shipped, regretted, of_guest }) = shop_with_notes().await;
    app.database.execute("DELETE FROM person_keys WHERE owner = 'customer/alice'").await;
    let guest = format!("DELETE FROM person_keys WHERE owner = 'order/{of_guest}'");
    app.database.execute(&guest).await;
    assert_eq!(app.database.count("SELECT count(*) FROM person_keys").await, 0);
    let twin = app.twin(|_| {}).await;
    let support = twin.by(Role::Support);
    for id in [&shipped, &regretted, &of_guest] {
        let shown = support.get(&format!("/v1/orders/{id}")).await.expect(200);
        assert_clean("the order", &shown.text());
        assert_eq!((&shown.json()["erased"], &shown.json()["tracking"]), (&json!(true), &json!([])));
        assert_clean(
            "the history",
            &support.get(&format!("/v1/orders/{id}/history")).await.expect(200).text(),
        );
    }
    let listed = support.get("/v1/orders").await.expect(200);
    assert_clean("the list", &listed.text());
    assert_eq!(listed.json()["data"].as_array().unwrap().len(), 3);
}

/// Catches: a key that is made for an order that is not there, and an error of the server instead of a refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_note_on_an_order_that_is_not_there_is_refused_and_leaves_nothing() {
    let app = TestApp::start_having(&[Feature::SealNotes], |_| {}).await;
    let none = format!("/v1/orders/ord_{}", new_id().simple());
    let reason = json!({"reason": "Kornelkirsche"});
    let cancelled = app.by(Role::Support).post(&format!("{none}/cancellation"), reason).await;
    assert_eq!(cancelled.refusal(), "404 not_found");
    let parcel = json!({"tracking": "Mirabelle-1Z"});
    let shipped = app.by(Role::Warehouse).post(&format!("{none}/shipments"), parcel).await;
    assert_eq!(shipped.refusal(), "404 not_found");
    assert_eq!(app.database.count("SELECT count(*) FROM person_keys").await, 0);
}
