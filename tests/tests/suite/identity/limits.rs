//! What others would try again and again.

use daybook_core::identity::totp::STEP_S;
use daybook_tests::{
    TestApp,
    people::{PASSWORD, post},
};
use serde_json::json;

use super::factors::{shown, with_second_factor_of};

const ALICE: &str = "alice@example.com";

/// Catches: an owner who is locked out by what strangers try, and guesses without an end.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_have_an_end_and_lock_nobody_out() {
    let app = TestApp::start_with(|config| {
        (config.budgets.log_in_account, config.budgets.log_in_address) = (4, 1_000);
    })
    .await;
    app.registered(ALICE).await;
    let (tokens, _) = app.logged_in(ALICE).await;
    let mut replies = Vec::new();
    for _ in 0..6 {
        replies.push(app.try_log_in(ALICE, "another guess at it", None).await);
    }
    assert_eq!(replies[2].refusal(), "401 invalid_credentials");
    let limited = &replies[5];
    assert_eq!(limited.refusal(), "429 rate_limited");
    assert_eq!(limited.header("ratelimit"), Some("\"log-in-account\";r=0"));
    assert!(limited.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // The right password doesn't help a stranger any more; its owner's device is not concerned.
    assert_eq!(app.try_log_in(ALICE, PASSWORD, None).await.refusal(), "429 rate_limited");
    let from_home = json!({"email": ALICE, "password": PASSWORD, "device": tokens["device"]});
    post(&app.anonymous, "/v1/sessions", from_home).await.expect(201);
    // Nor is another account.
    app.registered("bob@example.com").await;
    app.logged_in("bob@example.com").await;
    // That of another account is no device that is known here.
    let (bobs, _) = app.logged_in("bob@example.com").await;
    let stolen = json!({"email": ALICE, "password": PASSWORD, "device": bobs["device"]});
    assert_eq!(post(&app.anonymous, "/v1/sessions", stolen).await.refusal(), "429 rate_limited");
}

/// Catches: one password that is tried with the addresses of all.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_try_the_accounts_of_all() {
    let app = TestApp::start_with(|config| {
        (config.budgets.log_in_address, config.budgets.log_in_account) = (3, 1_000);
    })
    .await;
    let mut replies = Vec::new();
    for number in 0..4 {
        replies.push(app.try_log_in(&format!("someone-{number}@example.com"), PASSWORD, None).await);
    }
    assert_eq!(replies[2].refusal(), "401 invalid_credentials");
    assert_eq!(replies[3].refusal(), "429 rate_limited");
    assert_eq!(replies[3].header("ratelimit"), Some("\"log-in-address\";r=0"));
}

/// Catches: codes that are guessed without an end, and an owner who is locked out by that.
#[tokio::test(flavor = "multi_thread")]
async fn codes_are_not_guessed_without_an_end() {
    // The first two are those that the second factor begins with.
    let app = TestApp::start_with(|config| config.budgets.second_factor = 5).await;
    let (alice, secret, _) = with_second_factor_of(&app, ALICE).await;
    app.advance(STEP_S);
    let tokens = app.try_log_in(ALICE, PASSWORD, Some(&shown(&app, &secret))).await.expect(201).json();
    let mut replies = Vec::new();
    for _ in 0..6 {
        replies.push(app.try_log_in(ALICE, PASSWORD, Some("000000")).await);
    }
    assert_eq!(replies[0].refusal(), "401 invalid_credentials");
    assert_eq!(replies[5].refusal(), "429 rate_limited");
    assert_eq!(replies[5].header("ratelimit"), Some("\"second-factor\";r=0"));
    app.advance(STEP_S);
    let code = shown(&app, &secret);
    let from_home = json!({"email": ALICE, "password": PASSWORD, "code": code, "device": tokens["device"]});
    post(&app.anonymous, "/v1/sessions", from_home).await.expect(201);
    // Who has an open session guesses no more codes than others.
    let confirmation = json!({"password": PASSWORD, "code": "000000"});
    let confirm = async || post(&alice, "/v1/sessions/current/confirmation", confirmation.clone()).await;
    let mut refusals = Vec::new();
    for _ in 0..6 {
        refusals.push(confirm().await.refusal());
    }
    assert_eq!(refusals[0], "401 invalid_credentials");
    assert_eq!(refusals[5], "429 rate_limited");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_register_or_write_to_everyone() {
    let app = TestApp::start_with(|config| {
        (config.budgets.registration, config.budgets.reset, config.budgets.mails) = (3, 3, 2);
    })
    .await;
    for path in ["/v1/accounts", "/v1/accounts/password-resets"] {
        let mut last = None;
        for number in 0..5 {
            let mut body = json!({"email": format!("someone-{number}@example.com")});
            if path == "/v1/accounts" {
                body["password"] = json!(PASSWORD);
            }
            last = Some(post(&app.anonymous, path, body).await);
        }
        assert_eq!(last.unwrap().refusal(), "429 rate_limited", "{path}");
    }
}

/// Catches: a mailbox that is flooded with letters that were not asked for.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_written_to_a_few_times_only() {
    let app = TestApp::start_with(|config| config.budgets.mails = 3).await;
    app.registered(ALICE).await;
    for _ in 0..6 {
        post(&app.anonymous, "/v1/accounts/password-resets", json!({"email": ALICE})).await.expect(202);
    }
    app.settle().await;
    assert_eq!(app.mails().iter().filter(|mail| mail.contains("Choose a new password")).count(), 2);
}
