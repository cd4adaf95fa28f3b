//! What operators see of the work in the background.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use daybook_core::config::Part;
use daybook_domain::settings::Span;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use daybook_tests::{OwnNats, OwnPostgres, TestApp, TestDatabase, metrics, until};
use serde_json::{Value, json};

use super::orders::{order, place};

/// The workers of a process that does everything but publish, by name.
const ALL: [&str; 35] = [
    "accounts",
    "audit_records",
    "feed",
    "forgetting",
    "listener",
    "log_lines",
    "measures",
    "nats",
    "performers",
    "pools",
    "presence",
    "projection/orders",
    "projection/orders/0",
    "projection/products",
    "projection/products/0",
    "projection/reactor",
    "projection/sales",
    "projection/sales/0",
    "projection/stock",
    "projection/stock/0",
    "projection/taxes",
    "projection/taxes/0",
    "proof",
    "rates",
    "rebuild/orders",
    "rebuild/products",
    "rebuild/sales",
    "rebuild/stock",
    "rebuild/taxes",
    "relay",
    "revocations",
    "shares",
    "status",
    "storage",
    "unverified_accounts",
];

async fn listed(app: &TestApp) -> Vec<Value> {
    app.operator().get("/admin/workers").await.expect(200).json().as_array().unwrap().clone()
}

async fn worker(app: &TestApp, name: &str) -> Value {
    let all = listed(app).await;
    all.into_iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name} is not listed"))
}

/// Until it is in this state, and `holds`.
async fn seen(app: &TestApp, name: &str, state: &str, mut holds: impl FnMut(&Value) -> bool) -> Value {
    let mut found = Value::Null;
    until(&format!("{name} is {state}"), async || {
        found = worker(app, name).await;
        found["state"] == state && holds(&found)
    })
    .await;
    found
}

fn names(all: &[Value]) -> Vec<&str> {
    all.iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_worker_of_a_process_is_listed_with_what_it_is_for() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.settle().await;
    // Partitions are listed when it is known how many there are.
    until("all are there", async || listed(&app).await.len() >= ALL.len()).await;
    let all = listed(&app).await;
    assert_eq!(names(&all), ALL);
    for one in &all {
        let description = one["description"].as_str().unwrap();
        assert!(description.ends_with('.') && description.split(' ').count() > 3, "{one}");
        let when = one["when"].as_str().unwrap();
        assert!(when.starts_with("when ") || when.starts_with("every "), "{one}");
        assert!(["waiting", "running", "failed"].contains(&one["state"].as_str().unwrap()), "{one}");
        assert!(one["rounds"].is_u64() && one["failures"].is_u64(), "{one}");
        assert!(one.as_object().unwrap().contains_key("last_error"), "{one}");
    }
    // The app's clock stands still, and its time is what is told.
    for name in ["relay", "projection/orders/0", "revocations", "status", "proof"] {
        until(&format!("{name} did a round"), async || worker(&app, name).await["rounds"] != 0).await;
        let one = worker(&app, name).await;
        assert_eq!(one["last_run"], "2027-01-15T08:00:00Z", "{one}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_lists_what_its_roles_are() {
    let app = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    let all = listed(&app).await;
    assert_eq!(
        names(&all),
        [
            "accounts",
            "audit_records",
            "forgetting",
            "listener",
            "log_lines",
            "measures",
            "pools",
            "presence",
            "rates",
            "revocations",
            "status",
            "storage",
            "unverified_accounts"
        ]
    );
    let publisher = app.twin(|config| config.roles = vec![Part::Publisher]).await;
    let all = listed(&publisher).await;
    assert!(names(&all).contains(&"publisher") && !names(&all).contains(&"relay"), "{:?}", names(&all));
    // If two may relay, one waits.
    let relay = |config: &mut daybook_core::Config| config.roles = vec![Part::Relay];
    let first = app.twin(relay).await;
    seen(&first, "relay", "running", |one| one["rounds"] != 0).await;
    let second = app.twin(relay).await;
    let waiting = seen(&second, "relay", "waiting", |_| true).await;
    assert_eq!((&waiting["rounds"], &waiting["last_run"]), (&json!(0), &Value::Null), "{waiting}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_a_relay_without_a_broker_is_failed_until_there_is_one() {
    let mut nats = OwnNats::start();
    let app = TestApp::start_with(|config| config.nats_url = nats.url().as_str().into()).await;
    app.sell("TEA-1", 1999, 100).await;
    let before = seen(&app, "relay", "running", |one| one["rounds"] != 0).await;
    nats.kill();
    let failed = seen(&app, "relay", "failed", |_| true).await;
    seen(&app, "nats", "failed", |_| true).await;
    assert!(failed["failures"].as_u64() > before["failures"].as_u64(), "{failed}");
    assert_eq!(failed["last_error"]["at"], "2027-01-15T08:00:00Z");
    let message = failed["last_error"]["message"].as_str().unwrap();
    assert!(!message.is_empty() && !message.contains('/') && !message.contains("127.0.0.1"), "{message}");
    // What follows the log does without it.
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    seen(&app, "projection/orders/0", "running", |_| true).await;
    nats.restart();
    let rounds = failed["rounds"].as_u64();
    let well = seen(&app, "relay", "running", |one| one["rounds"].as_u64() > rounds).await;
    assert!(well["last_error"]["message"].is_string(), "it stays known: {well}");
    // Nothing is published any more, and it is seen to be well nevertheless.
    for name in ["nats", "feed"] {
        until(&format!("{name} is well"), async || worker(&app, name).await["state"] != "failed").await;
    }
}

/// The page is needed most while the database is away.
#[tokio::test(flavor = "multi_thread")]
async fn fault_workers_are_seen_to_fail_without_a_database_and_to_be_well_again() {
    let mut postgres = OwnPostgres::start();
    let database = TestDatabase::on(&postgres.url()).await;
    // Else the page would be closed to operators after 5 s, as everything is that needs a token.
    let app = TestApp::start_on(database, |config| config.tokens.revocations_max_age = Span::hours(1)).await;
    let concerned = ["listener", "projection/orders/0", "relay", "revocations", "performers"];
    for name in concerned {
        let is_well = |one: &Value| one["name"] == name && one["rounds"] != 0;
        until(&format!("{name} is well"), async || listed(&app).await.iter().any(is_well)).await;
    }
    postgres.kill();
    for name in concerned {
        let failed = seen(&app, name, "failed", |_| true).await;
        let message = failed["last_error"]["message"].as_str().unwrap();
        assert!(message.contains("database") && !message.contains("SELECT"), "{name}: {message}");
    }
    postgres.restart();
    for one in listed(&app).await {
        let name = one["name"].as_str().unwrap();
        until(&format!("{name} is well again"), async || worker(&app, name).await["state"] != "failed").await;
    }
}

/// Panics when it is told to, once.
struct Troubled {
    may_go_on: Arc<AtomicBool>,
    told: tokio::sync::Semaphore,
}

#[async_trait]
impl Worker for Troubled {
    fn about(&self) -> About {
        About::new("troubled", "Panics so that it can be seen.", When::signal("the test says so"))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::NONE);
        let round = async {
            self.told.acquire().await.expect("it is open").forget();
            assert!(self.may_go_on.load(Ordering::Relaxed), "postgres://daybook:secret@db/daybook");
            Ok::<_, String>(())
        };
        if let Some(Some(())) = duty.or_over(rounds.attempt(round, |_| {})).await {
            rounds.went_well();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_panics_is_seen_and_starts_again() {
    let app = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    let may_go_on = Arc::new(AtomicBool::new(false));
    let troubled =
        Arc::new(Troubled { may_go_on: Arc::clone(&may_go_on), told: tokio::sync::Semaphore::new(0) });
    app.crew().keep(troubled.clone());
    seen(&app, "troubled", "running", |_| true).await;
    troubled.told.add_permits(1);
    let failed = seen(&app, "troubled", "failed", |_| true).await;
    assert_eq!((&failed["failures"], &failed["rounds"]), (&json!(1), &json!(0)), "{failed}");
    let message = failed["last_error"]["message"].as_str().unwrap();
    assert!(message.contains("panicked") && !message.contains("secret"), "{message}");
    assert!(metrics::of_labels("daybook_task_panics_total", &[("task", "troubled")]) > 0.5);
    may_go_on.store(true, Ordering::Relaxed);
    troubled.told.add_permits(1);
    let well = seen(&app, "troubled", "running", |one| one["rounds"] == 1).await;
    assert_eq!(well["failures"], 1, "{well}");
}
