//! A guest has a key of their own, made for their order: it stays if the order is in the log or may still come there, and
//! only then.

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{Proxy, Reply, TestApp, TestDatabase, proxy::Weather, until};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::task::JoinSet;

use super::orders::order;

const ORDERS: &str = "/v1/orders";

/// An order of a guest, who has a name.
fn of_guest(pieces: u32) -> Value {
    let mut body = order(&[("TEA-1", pieces.into())]);
    body["contact"] = json!({"name": "Zwetschgenmus", "email": "canary.kumquat@example.com"});
    body["ship_to"] = json!({"name": "Zwetschgenmus", "street": "1 Road", "city": "Town", "country": "DE"});
    body
}

async fn keys(app: &TestApp) -> i64 {
    app.database.count("SELECT count(*) FROM person_keys").await
}

/// Nothing is appended until this session is closed.
async fn hold_appends(app: &TestApp) -> PgConnection {
    let mut session = app.database.foreign_session().await;
    sqlx::query("SELECT pg_advisory_lock(log_lock())").execute(&mut session).await.unwrap();
    session
}

/// A request whose answer is waited for later.
fn spawn(app: &TestApp, key: &'static str, body: Value) -> JoinSet<Reply> {
    let support = app.by(Role::Support);
    let mut asked = JoinSet::new();
    asked.spawn(async move { support.post_keyed(ORDERS, key, body).await });
    asked
}

async fn answer(mut asked: JoinSet<Reply>) -> Reply {
    asked.join_next().await.unwrap().unwrap()
}

/// The sessions whose append waits for the append lock, those that have waited for longest first.
async fn waiting(database: &TestDatabase) -> Vec<i32> {
    let waiting = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32) + objid::bigint = log_lock() ORDER BY waitstart";
    sqlx::query_scalar(waiting).fetch_all(&database.superuser).await.unwrap()
}

async fn until_waiting(app: &TestApp, appends: usize) {
    until("the appends wait", async || waiting(&app.database).await.len() == appends).await;
}

/// Every order of these has its guest's key, there is no other key, and a process that has never seen the keys opens what
/// is sealed.
async fn each_has_its_key(app: &TestApp, placed: &[&Reply]) {
    let owners: Vec<String> =
        sqlx::query_scalar("SELECT owner FROM person_keys").fetch_all(&app.database.superuser).await.unwrap();
    let id = |reply: &&Reply| reply.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(owners.len(), placed.len());
    assert!(placed.iter().map(id).all(|id| owners.contains(&format!("order/{id}"))), "{owners:?}");
    app.settle().await;
    let reader = app.twin(|_| {}).await;
    for reply in placed {
        let shown = reader.by(Role::Support).get(&format!("{ORDERS}/{}", id(reply))).await.expect(200).json();
        assert_eq!(shown["contact"]["name"], "Zwetschgenmus");
        assert_eq!(shown["ship_to"]["street"], "1 Road");
    }
}

/// Catches: a key that nothing is sealed with.
#[tokio::test(flavor = "multi_thread")]
async fn a_guests_order_that_is_refused_leaves_no_key_behind() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let support = app.by(Role::Support);
    let short = support.post_keyed(ORDERS, "R", of_guest(11)).await;
    assert!(short.refusal().starts_with("422 insufficient_stock"));
    assert_eq!(keys(&app).await, 0);
    let placed = support.post_keyed(ORDERS, "K", of_guest(1)).await.expect(201);
    assert_eq!(keys(&app).await, 1);
    let repeat = support.post_keyed(ORDERS, "K", of_guest(1)).await.expect(201);
    assert_eq!((repeat.header("idempotent-replayed"), &repeat.body), (Some("true"), &placed.body));
    let reused = support.post_keyed(ORDERS, "K", of_guest(2)).await;
    assert_eq!(reused.refusal(), "422 idempotency_key_reused");
    each_has_its_key(&app, &[&placed]).await;
    // A customer's key is for more than one order.
    let mut alices = of_guest(11);
    alices["customer"] = json!("alice");
    assert!(support.post_keyed(ORDERS, "A", alices).await.refusal().starts_with("422 insufficient_stock"));
    assert_eq!(keys(&app).await, 2);
}

/// The client has waited long enough, but its order is still on its way. Catches: a key that is deleted for want of an
/// answer; a repeat that takes the key of the first request with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_guests_order_that_is_placed_after_its_deadline_has_its_key() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let support = app.by(Role::Support);
    let ask = |timeout_ms: &str| {
        let request = support.request(Method::POST, ORDERS).header("idempotency-key", "K");
        support.send(request.header("request-timeout-ms", timeout_ms).json(&of_guest(1)))
    };
    let held = hold_appends(&app).await;
    assert_eq!(ask("500").await.refusal(), "504 deadline_exceeded");
    assert_eq!(keys(&app).await, 1);
    assert_eq!(ask("500").await.refusal(), "409 idempotency_in_flight");
    assert_eq!(keys(&app).await, 1);
    until_waiting(&app, 1).await;
    held.close().await.unwrap();
    until("it is answered", async || ask("5000").await.status == 201).await;
    let late = ask("5000").await.expect(201);
    assert_eq!(late.header("idempotent-replayed"), Some("true"));
    each_has_its_key(&app, &[&late]).await;
}

/// Both have sealed their own, with a key each, before either may append. Catches: a repeat that takes the wrong key.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_with_one_request_of_a_guest_one_keeps_its_key() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let twin = app.twin(|_| {}).await;
    let held = hold_appends(&app).await;
    let first = spawn(&app, "K", of_guest(1));
    until_waiting(&app, 1).await;
    let second = spawn(&twin, "K", of_guest(1));
    until_waiting(&app, 2).await;
    assert_eq!(keys(&app).await, 2);
    held.close().await.unwrap();
    let (first, second) = (answer(first).await.expect(201), answer(second).await.expect(201));
    assert_eq!(first.body, second.body);
    assert_eq!(second.header("idempotent-replayed"), Some("true"));
    each_has_its_key(&app, &[&first]).await;
}

/// Both orders claim one `external_id`, and each process has decided that it is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_guests_order_that_loses_its_claim_takes_no_key_but_its_own() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let twin = app.twin(|_| {}).await;
    let mut claiming = of_guest(1);
    claiming["external_id"] = json!("536365");
    let held = hold_appends(&app).await;
    let first = spawn(&app, "K", claiming.clone());
    until_waiting(&app, 1).await;
    let second = spawn(&twin, "L", claiming);
    until_waiting(&app, 2).await;
    held.close().await.unwrap();
    let first = answer(first).await.expect(201);
    assert!(answer(second).await.refusal().starts_with("409 already_exists"));
    each_has_its_key(&app, &[&first]).await;
}

/// Its session is killed while it waits, and when it is decided again, another guest has all that there was.
#[tokio::test(flavor = "multi_thread")]
async fn a_guests_order_that_is_refused_after_a_lost_append_leaves_no_key_behind() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let twin = app.twin(|_| {}).await;
    let held = hold_appends(&app).await;
    let lost = spawn(&app, "K", of_guest(10));
    until_waiting(&app, 1).await;
    let killed = waiting(&app.database).await[0];
    let placed = spawn(&twin, "L", of_guest(10));
    until_waiting(&app, 2).await;
    app.database.execute(&format!("SELECT pg_terminate_backend({killed})")).await;
    until("it waits again", async || {
        let waiting = waiting(&app.database).await;
        waiting.len() == 2 && !waiting.contains(&killed)
    })
    .await;
    held.close().await.unwrap();
    let placed = answer(placed).await.expect(201);
    assert!(answer(lost).await.refusal().starts_with("422 insufficient_stock"));
    each_has_its_key(&app, &[&placed]).await;
}

/// The order is in the log, and its process never heard of that.
#[tokio::test(flavor = "multi_thread")]
async fn a_guests_order_whose_outcome_stays_unknown_has_its_key() {
    let database = TestDatabase::new().await;
    let proxy = Proxy::to(&database.app_url()).await;
    let url = proxy.url(&database.app_url());
    let app = TestApp::start_on(database, |config| {
        config.database_url = url.as_str().into();
        config.commands.append_timeout = Span::seconds(2);
        config.commands.resolve_timeout = Span::millis(500);
    })
    .await;
    app.sell("TEA-1", 1999, 10).await;
    let held = hold_appends(&app).await;
    let asked = spawn(&app, "K", of_guest(1));
    until_waiting(&app, 1).await;
    proxy.set(Weather::AnswersLost);
    held.close().await.unwrap();
    assert_eq!(answer(asked).await.refusal(), "503 outcome_unknown");
    assert_eq!(keys(&app).await, 1);
    proxy.cut();
    proxy.set(Weather::Fair);
    let support = app.by(Role::Support);
    let ask = || support.post_keyed(ORDERS, "K", of_guest(1));
    until("there is an answer", async || ask().await.status == 201).await;
    let repeat = ask().await.expect(201);
    assert_eq!(repeat.header("idempotent-replayed"), Some("true"));
    each_has_its_key(&app, &[&repeat]).await;
}
