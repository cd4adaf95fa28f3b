//! What a database may hold only when every process that uses it can read it.

use std::process::Command;

use daybook_core::entropy::Clock;
use daybook_domain::{feature::Feature, policy::Role};
use daybook_migrations::SERVER;
use daybook_tests::{Program, TestApp, until};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::orders::{order, place};

const ENABLED: &str = "SELECT count(*) FROM features";
const AUDITED: &str = "SELECT count(*) FROM audit WHERE action = 'feature.enable' AND actor = 'daybook_app'
                          AND target = 'seal_notes' AND outcome = 'allowed' AND reason = 'all are new'";
/// Rows of processes that say so themselves.
const PROCESSES: &str = "SELECT count(*) FROM processes WHERE id <> '00000000-0000-0000-0000-000000000000'";
/// All that were there, but for those that say so again.
const A_MINUTE_LATER: &str = "UPDATE processes SET seen_at = seen_at - interval '61 s'
                               WHERE id IN ('00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000001')";

/// What `daybook features` says with these arguments, and whether it ends well.
fn features(app: &TestApp, arguments: &[&str]) -> (String, bool) {
    let mut command = Command::new(Program::this().path());
    command.arg("features").args(arguments).env_clear().current_dir(app.mail_folder().parent().unwrap());
    let output = command.env("DAYBOOK_DATABASE_URL", app.database.app_url().as_str()).output().unwrap();
    (String::from_utf8([output.stdout, output.stderr].concat()).unwrap(), output.status.success())
}

fn enable(app: &TestApp, name: &str) -> (String, bool) {
    features(app, &["enable", name, "--reason", "all are new"])
}

async fn shown(app: &TestApp) -> Value {
    app.operator().get("/admin/features").await.expect(200).json()
}

/// Catches: an event that a process can't read, and a feature of which only the process hears that is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_feature_is_enabled_for_good_when_no_process_is_left_that_does_not_know_it() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.database
        .execute(
            "INSERT INTO processes (id, release, commit, features)
             VALUES ('00000000-0000-0000-0000-000000000001', '0.1.9', 'abc', '{cancel_lines}')",
        )
        .await;
    let (told, is_well) = enable(&app, "seal_notes");
    assert!(!is_well && told.contains("seal_notes stays as it is") && told.contains("0.1.9 (abc)"), "{told}");
    assert!(!told.contains(env!("CARGO_PKG_VERSION")), "{told}");
    assert_eq!(app.database.count(ENABLED).await, 0);
    // It knows that one.
    assert_eq!(enable(&app, "cancel_lines"), ("feature=cancel_lines was_enabled=false\n".into(), true));

    app.database.execute(A_MINUTE_LATER).await;
    assert_eq!(enable(&app, "seal_notes"), ("feature=seal_notes was_enabled=false\n".into(), true));
    assert_eq!(enable(&app, "seal_notes"), ("feature=seal_notes was_enabled=true\n".into(), true));
    assert_eq!(app.database.count(AUDITED).await, 1);
    let (told, is_well) = enable(&app, "no_such_thing");
    assert!(!is_well && told.contains("there are cancel_lines"), "{told}");
    assert!(!features(&app, &["enable", "claim_orders"]).1, "it needs a reason");
    let alice = app.customer("alice");
    until("the running process seals what is written about orders", async || {
        let id = place(&alice, order(&[("TEA-1", 1)])).await;
        alice.post(&format!("/v1/orders/{id}/cancellation"), json!({"reason": "x"})).await.expect(200);
        let sealed =
            "SELECT count(*) FROM events WHERE event_type = 'OrderCancelled' AND payload->'sealed_reason' IS NOT NULL";
        app.database.count(sealed).await > 0
    })
    .await;

    let (told, is_well) = features(&app, &[]);
    assert!(is_well && told.contains("feature=claim_orders since=0.2.0 not enabled: "), "{told}");
    assert!(told.contains("knows=cancel_lines,seal_notes,claim_orders,expire_orders"), "{told}");
    let shown = shown(&app).await;
    let named = |name: &str| {
        let mut all = shown["features"].as_array().unwrap().iter();
        all.find(|one| one["name"] == name).unwrap().clone()
    };
    assert_eq!(named("seal_notes")["enabled_by"], "daybook_app");
    assert_eq!(named("claim_orders")["enabled_at"], Value::Null);
    assert_eq!(shown["processes"][0]["release"], env!("CARGO_PKG_VERSION"));
    assert_eq!(shown["processes"][0]["features"], json!(Feature::WORDS));
    // For good: not even the server's own role can turn it off.
    let mut server = PgConnection::connect(app.database.app_url().as_str()).await.unwrap();
    assert!(sqlx::query("DELETE FROM features").execute(&mut server).await.is_err());
}

/// It says nothing itself. Catches: one whose sessions have ended just now, and which may come back.
#[tokio::test(flavor = "multi_thread")]
async fn release_0_1_is_known_by_its_sessions() {
    let app = TestApp::start().await;
    let connect = daybook_migrations::connect_options(app.database.app_url().as_str(), "daybook").unwrap();
    let former = PgConnection::connect_with(&connect).await.unwrap();
    let refused = "release 0.1, by sessions called daybook";
    assert!(enable(&app, "claim_orders").0.contains(refused));
    let noted = "SELECT count(*) FROM processes WHERE release = '0.1'";
    until("a process has noted it", async || app.database.count(noted).await == 1).await;
    former.close().await.unwrap();
    let sessions = "SELECT count(*) FROM pg_stat_activity
                     WHERE application_name = 'daybook' AND datname = current_database()";
    until("its session has ended", async || app.database.count(sessions).await == 0).await;
    assert!(enable(&app, "claim_orders").0.contains(refused));
    // A round that has begun before the session's end may note it once more.
    until("a minute has passed", async || {
        app.database.execute(A_MINUTE_LATER).await;
        enable(&app, "claim_orders").1
    })
    .await;
}

/// Catches: processes that count as there for a minute after a clean end, and rows that nothing deletes.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_listed_from_its_start_to_its_end() {
    let app = TestApp::start().await;
    app.database
        .execute(
            "INSERT INTO processes VALUES (gen_random_uuid(), '0.1.9', '', '{}', clock_timestamp() - interval '1 hour')",
        )
        .await;
    let mut twin = app.twin(|_| {}).await;
    assert_eq!(shown(&app).await["processes"].as_array().unwrap().len(), 2);
    twin.stop().await;
    until("what has long gone is forgotten", async || app.database.count(PROCESSES).await == 1).await;
}

/// Catches: a repeat, at a process that hasn't heard of it yet, that is refused though it was done.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_finds_that_its_feature_was_enabled_just_now() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 3)])).await;
    let cancellation = format!("/v1/orders/{id}/cancellation");
    let one = json!({"lines": [{"sku": "TEA-1", "quantity": 1}]});
    let refused = alice.post_keyed(&cancellation, "one", one.clone()).await;
    assert_eq!(refused.refusal(), "422 validation_failed /lines validation_failed");
    assert!(refused.text().contains("it needs the feature cancel_lines"), "{}", refused.text());
    // Nothing is notified.
    app.database.execute("INSERT INTO features (name) VALUES ('cancel_lines')").await;
    alice.post_keyed(&cancellation, "one", one).await.expect(200);
}

/// Catches: a release that goes back to a database which a newer one has written to, and one that starts at the very
/// moment when a feature is enabled.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_does_not_start_on_a_database_with_a_feature_that_it_does_not_know() {
    let app = TestApp::start().await;
    let mut other = app.database.foreign_session().await;
    let mut enabling = other.begin().await.unwrap();
    for sql in [
        "LOCK TABLE processes IN SHARE ROW EXCLUSIVE MODE",
        "INSERT INTO features (name, enabled_by) VALUES ('of_the_future', 'a newer one')",
    ] {
        sqlx::query(sql).execute(&mut *enabling).await.unwrap();
    }
    let start = daybook::start(&app.config, Clock::System);
    let commit = async {
        // The process that runs waits, too.
        until("it is about to say that it is there", async || {
            app.database.waiting_for_lock(SERVER).await == 2
        })
        .await;
        enabling.commit().await.unwrap();
    };
    let (started, ()) = tokio::join!(start, commit);
    let refused = started.err().expect("it doesn't start").to_string();
    assert!(refused.contains("features that this release doesn't know: of_the_future"), "{refused}");
    assert_eq!(app.database.count(PROCESSES).await, 1);
    // The one that runs shows it; a customer's orders are taken as before.
    let shown = shown(&app).await;
    let last = shown["features"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["name"], &last["about"]), (&json!("of_the_future"), &Value::Null));
    assert!(features(&app, &[]).0.contains("feature=of_the_future"));
    app.by(Role::Merchandiser).get("/v1/products").await.expect(200);
}
