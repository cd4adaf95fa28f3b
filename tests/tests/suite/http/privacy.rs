//! Personal data is nowhere in clear but in the answers to those who may see it, and in their mails.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use daybook_domain::policy::Role;
use daybook_tests::TestApp;
use futures::StreamExt;
use serde_json::json;
use sqlx::Row;

use super::orders::{order, place};

/// Words that stand nowhere by chance.
const CANARIES: [&str; 4] = ["Zwetschgenmus", "canary.kumquat", "Quittengasse", "Pfirsichstadt"];

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
    for canary in CANARIES {
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
