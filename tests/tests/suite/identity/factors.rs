//! Second factors.

use data_encoding::BASE32_NOPAD;
use daybook_core::identity::totp::{STEP_S, code};
use daybook_tests::{
    Client, TestApp,
    people::{PASSWORD, post},
};
use reqwest::Method;
use serde_json::{Value, json};

const ALICE: &str = "alice@example.com";

/// The code that an app with this secret shows now.
pub fn shown(app: &TestApp, secret: &[u8]) -> String {
    code(secret, app.now().timestamp() / STEP_S)
}

/// Someone with a second factor: a client of theirs, the secret, and the recovery codes.
async fn with_second_factor(app: &TestApp) -> (Client, Vec<u8>, Vec<String>) {
    with_second_factor_of(app, ALICE).await
}

/// The same with another address.
pub async fn with_second_factor_of(app: &TestApp, email: &str) -> (Client, Vec<u8>, Vec<String>) {
    app.registered(email).await;
    let (_, alice) = app.logged_in(email).await;
    let begun = post(&alice, "/v1/accounts/me/totp", json!({})).await.expect(200).json();
    let secret = BASE32_NOPAD.decode(begun["secret"].as_str().unwrap().as_bytes()).unwrap();
    let owner = email.replace('@', "%40").replace('.', "%2E");
    assert!(begun["uri"].as_str().unwrap().starts_with(&format!("otpauth://totp/daybook:{owner}?secret=")));
    // It doesn't count yet.
    app.logged_in(email).await;
    let confirm = |code: String| post(&alice, "/v1/accounts/me/totp/confirmation", json!({"code": code}));
    assert_eq!(confirm("000000".into()).await.refusal(), "422 invalid_code");
    let codes = confirm(shown(app, &secret)).await.expect(200).json();
    let codes = codes["recovery_codes"].as_array().unwrap();
    (alice.clone(), secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

/// Catches: a code that is good twice, and a log-in without one.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_needs_a_code_that_was_not_used() {
    let app = TestApp::start_generous().await;
    let (alice, secret, recovery) = with_second_factor(&app).await;
    let log_in = async |code: Option<&str>| app.try_log_in(ALICE, PASSWORD, code).await;
    assert_eq!(log_in(None).await.refusal(), "401 second_factor_required");
    // Who doesn't know the password isn't told that there is a second factor.
    let wrong = app.try_log_in(ALICE, "another guess at it", None).await;
    assert_eq!(wrong.refusal(), "401 invalid_credentials");
    let used = shown(&app, &secret);
    assert_eq!(log_in(Some(&used)).await.refusal(), "401 invalid_credentials", "it was used to confirm");
    app.advance(STEP_S);
    let next = shown(&app, &secret);
    log_in(Some(&next)).await.expect(201);
    assert_eq!(log_in(Some(&next)).await.refusal(), "401 invalid_credentials");
    assert_eq!(log_in(Some("")).await.refusal(), "401 invalid_credentials");
    // Without the phone.
    assert_eq!(recovery.len(), 10);
    log_in(Some(&recovery[0])).await.expect(201);
    assert_eq!(log_in(Some(&recovery[0])).await.refusal(), "401 invalid_credentials");
    log_in(Some(&recovery[1].to_lowercase().replace('-', " "))).await.expect(201);
    let me = alice.get("/v1/accounts/me").await.expect(200).json();
    assert_eq!(me["second_factor"], true);
    app.settle().await;
    assert!(app.mails().iter().any(|mail| mail.contains("A second factor was added")));
}

#[tokio::test(flavor = "multi_thread")]
async fn recovery_codes_are_made_anew_and_the_second_factor_can_be_taken_away() {
    let app = TestApp::start_generous().await;
    let (alice, _, old) = with_second_factor(&app).await;
    let again = post(&alice, "/v1/accounts/me/totp", json!({})).await.expect(200).json();
    let secret = BASE32_NOPAD.decode(again["secret"].as_str().unwrap().as_bytes()).unwrap();
    let code = shown(&app, &secret);
    let second = post(&alice, "/v1/accounts/me/totp/confirmation", json!({"code": code})).await;
    assert_eq!(second.refusal(), "409 factor_exists");
    let new = post(&alice, "/v1/accounts/me/recovery-codes", json!({})).await.expect(200).json();
    let log_in = async |code: &str| app.try_log_in(ALICE, PASSWORD, Some(code)).await;
    assert_eq!(log_in(&old[3]).await.refusal(), "401 invalid_credentials");
    log_in(new["recovery_codes"][3].as_str().unwrap()).await.expect(201);
    alice.delete("/v1/accounts/me/totp").await.expect(200);
    app.logged_in(ALICE).await;
    assert_eq!(alice.delete("/v1/accounts/me/totp").await.refusal(), "404 not_found");
    assert_eq!(app.database.count("SELECT count(*) FROM credentials WHERE kind <> 'password'").await, 0);
}

/// Catches: a session that was left open and can be used for what is dangerous.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_dangerous_needs_a_proof_that_is_not_old() {
    let app = TestApp::start_generous().await;
    let (alice, secret, _) = with_second_factor(&app).await;
    let key = json!({"name": "scanner", "scopes": ["order.read"]});
    let issued = post(&alice, "/v1/api-keys", key.clone()).await.expect(201).json();
    let rotation = format!("/v1/api-keys/{}/rotation", issued["id"].as_str().unwrap());
    app.advance(STEP_S);
    let tokens = app.try_log_in(ALICE, PASSWORD, Some(&shown(&app, &secret))).await.expect(201).json();
    app.advance(601);
    let tokens = app.refresh(&tokens["refresh_token"]).await.expect(200).json();
    let alice = app.anonymous.with_token(tokens["access_token"].as_str().unwrap());
    let refused = alice.delete("/v1/accounts/me/totp").await;
    assert_eq!(refused.refusal(), "401 confirmation_required");
    let challenge = refused.header("www-authenticate").unwrap().to_owned();
    assert_eq!(challenge, "Bearer error=\"insufficient_user_authentication\"");
    for (method, path, body) in [
        (Method::POST, "/v1/api-keys", key.clone()),
        (Method::POST, &rotation, json!({})),
        (Method::PUT, "/v1/accounts/me/email", json!({"email": "other@example.com"})),
        (Method::POST, "/v1/accounts/me/totp", json!({})),
        (Method::POST, "/v1/accounts/me/recovery-codes", json!({})),
        (Method::DELETE, "/v1/accounts/me", json!({})),
    ] {
        let refused = alice.send(alice.request(method.clone(), path).json(&body)).await;
        assert_eq!(refused.refusal(), "401 confirmation_required", "{method} {path}");
    }
    let confirm = |body: Value| post(&alice, "/v1/sessions/current/confirmation", body);
    let without = confirm(json!({"password": PASSWORD})).await;
    assert_eq!(without.refusal(), "401 second_factor_required");
    let wrong = confirm(json!({"password": "another guess at it", "code": shown(&app, &secret)})).await;
    assert_eq!(wrong.refusal(), "401 invalid_credentials");
    confirm(json!({"password": PASSWORD, "code": shown(&app, &secret)})).await.expect(200);
    post(&alice, "/v1/api-keys", key).await.expect(201);
    post(&alice, &rotation, json!({})).await.expect(201);
    alice.delete("/v1/accounts/me/totp").await.expect(200);
}
