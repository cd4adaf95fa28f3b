//! Accounts in a database that was restored.

use daybook_core::{
    config::Part,
    keys,
    unsealing::{Unsealed, unseal_all},
    vault::Vault,
};
use daybook_domain::policy::Role;
use daybook_tests::{
    TestApp,
    people::{PASSWORD, post},
};
use serde_json::json;

use super::factors::with_second_factor_of;

const ALICE: &str = "alice@example.com";

/// Rows of each kind, and how many of them can't be read.
async fn unsealed(app: &TestApp) -> Vec<(&'static str, u64, u64)> {
    let vault = Vault::new(app.database.superuser.clone(), keys::master_key(&app.config).unwrap());
    let connect = daybook_migrations::connect_options(app.database.app_url().as_str(), "a test").unwrap();
    let found = unseal_all(&connect, &vault).await.unwrap();
    found.into_iter().map(|Unsealed { what, rows, unreadable, .. }| (what, rows, unreadable)).collect()
}

/// Catches: a secret that is looked at in another way than it was sealed.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_sealed_of_accounts_is_found_to_open() {
    let app = TestApp::start_generous_with(|_| {}).await;
    with_second_factor_of(&app, ALICE).await;
    app.settle().await;
    let expected = [
        ("keys of persons", 1, 0),
        ("keys that accounts depend on", 3, 0),
        ("secrets of one-time passwords", 1, 0),
        ("sealed effects", 0, 0),
        ("passwords", 1, 0),
    ];
    assert_eq!(unsealed(&app).await, expected);
    // Nothing performs what is asked for here.
    let app = TestApp::start_with(|config| config.roles = vec![Part::Api]).await;
    let known = json!({"email": ALICE, "password": PASSWORD});
    post(&app.anonymous, "/v1/accounts", known).await.expect(202);
    assert_eq!(unsealed(&app).await[3], ("sealed effects", 1, 0));
    app.database.execute("UPDATE effects SET payload = 'x' WHERE payload IS NOT NULL").await;
    assert_eq!(unsealed(&app).await[3], ("sealed effects", 1, 1));
}

/// As docs/operations.md says, for an account whose end the restored log doesn't have.
/// Catches: personal data that comes back with a backup and stays.
#[tokio::test(flavor = "multi_thread")]
async fn who_had_left_is_erased_again_by_an_effect() {
    let app = TestApp::start_generous().await;
    app.sell("TEA-1", 1999, 10).await;
    app.registered(ALICE).await;
    let (_, alice) = app.logged_in(ALICE).await;
    let order = json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR",
        "contact": {"name": "Alice Example", "email": ALICE}});
    let placed = alice.post("/v1/orders", order).await.expect(201).json();
    app.settle().await;
    app.database
        .execute(
            "INSERT INTO effects (event_id, position, kind, target)
             SELECT ('00000000' || substr(gen_random_uuid()::text, 9))::uuid, 0, 'account.erase', aggregate_id FROM events
              WHERE event_type = 'AccountRegistered'",
        )
        .await;
    app.settle().await;
    for table in ["credentials", "email_claims", "person_keys"] {
        assert_eq!(app.database.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(app.try_log_in(ALICE, PASSWORD, None).await.refusal(), "401 invalid_credentials");
    let twin = app.twin(|_| {}).await;
    let path = format!("/v1/orders/{}", placed["id"].as_str().unwrap());
    let shown = twin.by(Role::Support).get(&path).await.expect(200).json();
    assert_eq!(shown["erased"], true);
}
