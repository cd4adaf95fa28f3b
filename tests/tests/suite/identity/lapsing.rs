//! Accounts whose address is never verified.

use daybook_commands::{CommandError, accounts::EraseAccount};
use daybook_core::{
    entropy::Clock,
    identity::{asker::Asker, error::IdentityError},
};
use daybook_domain::{policy::Role, settings::Span};
use daybook_projections::workers::WorkerStatus;
use daybook_tests::{
    TestApp,
    people::{PASSWORD, post},
    until,
};
use serde_json::json;

use crate::http::orders::order;

const LATE: &str = "late@example.com";

/// The account that was registered last.
async fn newest(app: &TestApp) -> String {
    let sql = "SELECT aggregate_id FROM events WHERE event_type = 'AccountRegistered' ORDER BY position DESC LIMIT 1";
    sqlx::query_scalar(sql).fetch_one(&app.database.superuser).await.unwrap()
}

/// Registers someone, who gets the letter.
async fn registered(app: &TestApp, email: &str) -> String {
    app.register(email).await.expect(202);
    app.link_to(email, "confirm").await;
    newest(app).await
}

/// Catches: addresses and names of strangers that are kept for ever, and an account that is erased although it was
/// verified, is needed for an order, or is young.
#[tokio::test(flavor = "multi_thread")]
async fn who_never_verifies_their_address_is_forgotten_after_a_while() {
    let app = TestApp::start_generous().await;
    app.sell("TEA-1", 1999, 10).await;
    let never = registered(&app, "never@example.com").await;
    let ordered = registered(&app, "ordered@example.com").await;
    let mut for_them = order(&[("TEA-1", 1)]);
    for_them["customer"] = json!(ordered);
    app.by(Role::Support).post("/v1/orders", for_them).await.expect(201);
    app.registered("alice@example.com").await;
    // It says so in its stream alone, as if its process had died before it confirmed the claim.
    app.registered(LATE).await;
    let late = newest(&app).await;
    app.database.execute(&format!("DELETE FROM email_claims WHERE account = '{late}'")).await;
    app.database.execute("UPDATE credentials SET created_at = created_at - interval '2 minutes'").await;
    let young = registered(&app, "young@example.com").await;
    app.settle().await;

    // The former process has looked before, with another setting; this one looks when it starts.
    let twin = app
        .twin(|config| {
            config.accounts.address_link_lifetime = Span::minutes(1);
            config.accounts.unverified_lifetime = Span::minutes(1);
        })
        .await;
    let kept = async |account: &str| {
        app.database.count(&format!("SELECT count(*) FROM credentials WHERE account = '{account}'")).await
    };
    until("what was kept of it is gone", async || kept(&never).await == 0).await;
    until("the round is over", async || twin.crew().list().iter().any(went_well)).await;
    let erased: Vec<String> =
        sqlx::query_scalar("SELECT aggregate_id FROM events WHERE event_type = 'AccountErased'")
            .fetch_all(&app.database.superuser)
            .await
            .unwrap();
    assert_eq!(erased, [never]);
    for account in [&ordered, &late, &young] {
        assert_eq!(kept(account).await, 1, "{account}");
    }
    app.try_log_in("alice@example.com", PASSWORD, None).await.expect(201);
    // The letter of before leads nowhere, and the address is free.
    app.registered("never@example.com").await;
    app.try_log_in("never@example.com", PASSWORD, None).await.expect(201);
}

fn went_well(worker: &WorkerStatus) -> bool {
    worker.about.name == "unverified_accounts" && worker.rounds > 0
}

/// Catches: an account that is erased although its owner followed the link in the moment between the look and the deed.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_verified_since_it_was_looked_at_stays() {
    let app = TestApp::start_generous().await;
    let account = registered(&app, LATE).await;
    let (elsewhere, committer) = daybook::wiring::accounts(&app.config, Clock::System).await.unwrap();
    let loaded = elsewhere.shared.load(&account).await.unwrap();
    let verified = json!({"token": app.link_to(LATE, "confirm").await});
    post(&app.anonymous, "/v1/accounts/verification", verified).await.expect(200);
    let asker = Asker::later("a-test".into(), app.now());
    let erase = EraseAccount { id: account.parse().unwrap() };
    let refused = elsewhere.shared.ask_about(&asker, &loaded, erase).await.unwrap_err();
    let IdentityError::Command(CommandError::Refused(refusal)) = &refused else { panic!("{refused:?}") };
    assert_eq!(refusal.code.as_str(), "stale_version");
    assert!(!elsewhere.accounts.lapse(&asker, &account).await.unwrap());
    committer.shutdown().await;
    app.try_log_in(LATE, PASSWORD, None).await.expect(201);
}
