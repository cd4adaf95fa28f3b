//! Roles, granted and taken away.

use daybook_domain::policy::Role;
use daybook_tests::{Log, TestApp, until};
use serde_json::json;

const ALICE: &str = "alice@example.com";

/// Catches: a right that outlives its end in a token, here or in another process.
#[tokio::test(flavor = "multi_thread")]
async fn roles_count_from_the_next_tokens_on_and_end_at_once() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let twin = app.twin(|_| {}).await;
    let (tokens, alice) = app.logged_in(ALICE).await;
    let me = alice.get("/v1/accounts/me").await.expect(200).json();
    let path = format!("/v1/accounts/{}/roles", me["id"].as_str().unwrap());
    let admin = app.by(Role::Admin);
    let set =
        async |roles: &[&str]| admin.put(&path, json!({"roles": roles, "reason": "Joined the team."})).await;
    assert_eq!(alice.get("/v1/stock/NONE").await.refusal(), "403 forbidden");
    let changed = set(&["support"]).await.expect(200).json();
    assert_eq!(changed["roles"], json!(["support"]));
    assert_eq!(
        alice.get("/v1/stock/NONE").await.refusal(),
        "401 unauthenticated",
        "its token says otherwise"
    );
    app.advance(1);
    let tokens = app.refresh(&tokens["refresh_token"]).await.expect(200).json();
    let (here, there) = (&app.anonymous, &twin.anonymous);
    let with = |client: &daybook_tests::Client| client.with_token(tokens["access_token"].as_str().unwrap());
    let (here, there) = (with(here), with(there));
    for client in [&here, &there] {
        assert_eq!(client.get("/v1/stock/NONE").await.refusal(), "404 not_found");
    }
    set(&["customer"]).await.expect(200);
    assert_eq!(here.get("/v1/stock/NONE").await.refusal(), "401 unauthenticated");
    until("the other process knows", async || there.get("/v1/stock/NONE").await.status == 401).await;
    // The reason is not in clear, and the same roles again are no news.
    let head = Log::read(&app.database.superuser).await.head();
    set(&["customer"]).await.expect(200);
    assert_eq!(Log::read(&app.database.superuser).await.head(), head);
    let granted =
        "SELECT count(*) FROM events WHERE event_type IN ('AccountRoleGranted', 'AccountRoleRevoked')";
    assert_eq!(app.database.count(granted).await, 4);
    let clear = "SELECT count(*) FROM events WHERE payload::text LIKE '%Joined the team%'";
    assert_eq!(app.database.count(clear).await, 0);
    let all = app.by(Role::Admin).get(&format!("/v1/activity?account={}", me["id"].as_str().unwrap())).await;
    assert_eq!(all.expect(200).json()["data"][0]["event"], "roles_changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_administrators_give_roles_and_only_those_that_there_are() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let (_, alice) = app.logged_in(ALICE).await;
    let id = alice.get("/v1/accounts/me").await.expect(200).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/accounts/{id}/roles");
    let body = json!({"roles": ["admin"], "reason": "I want it."});
    for client in [&alice, &app.by(Role::Support), &app.by(Role::Operator)] {
        assert_eq!(client.put(&path, body.clone()).await.refusal(), "403 forbidden");
    }
    assert_eq!(app.anonymous.put(&path, body).await.refusal(), "401 unauthenticated");
    let admin = app.by(Role::Admin);
    let unknown = admin.put(&path, json!({"roles": ["emperor"], "reason": "Why not."})).await;
    assert_eq!(unknown.refusal(), "422 validation_failed /roles invalid_value");
    let nobody = format!("/v1/accounts/acc_{}/roles", "0".repeat(32));
    let reply = admin.put(&nobody, json!({"roles": ["support"], "reason": "Who?"})).await;
    assert_eq!(reply.refusal(), "404 not_found");
    // A token that was made long ago proves nothing about who has it now.
    app.advance(601);
    let late = admin.put(&path, json!({"roles": ["support"], "reason": "Late."})).await;
    assert_eq!(late.refusal(), "401 confirmation_required");
    assert_eq!(app.customer("bob").get("/v1/activity").await.refusal(), "403 forbidden");
}
