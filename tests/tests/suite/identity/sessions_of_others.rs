//! Sessions that the shop ends.

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp, until};
use serde_json::json;

const ALICE: &str = "alice@example.com";
const ADA: &str = "ada@example.com";

async fn id_of(client: &Client) -> String {
    client.get("/v1/accounts/me").await.expect(200).json()["id"].as_str().unwrap().to_owned()
}

/// Catches: a stolen phone that stays logged in somewhere, an owner who is not told, and one who is told who of the shop
/// it was.
#[tokio::test(flavor = "multi_thread")]
async fn support_ends_the_sessions_of_a_customer_who_is_told() {
    let app = TestApp::start_generous().await;
    let twin = app.twin(|_| {}).await;
    app.registered(ALICE).await;
    let (tokens, alice) = app.logged_in(ALICE).await;
    let there = twin.anonymous.with_token(tokens["access_token"].as_str().unwrap());
    let id = id_of(&alice).await;
    there.get("/v1/accounts/me").await.expect(200);
    let sam = app.named("sam.kumquat", Role::Support);
    let path = format!("/v1/accounts/{id}/sessions");
    let listed = sam.get(&path).await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let session = &listed["data"][0];
    assert_eq!((&session["id"], &session["current"]), (&tokens["session"], &json!(false)));

    let refused = sam.delete_with(&path, json!({})).await;
    assert_eq!(refused.refusal(), "422 validation_failed /reason missing_field");
    alice.get("/v1/accounts/me").await.expect(200);
    sam.delete_with(&path, json!({"reason": "Her phone was stolen."})).await.expect(200);
    assert_eq!(alice.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.refusal(), "401 unauthenticated");
    until("the other process knows", async || there.get("/v1/accounts/me").await.status == 401).await;
    assert_eq!(sam.get(&path).await.expect(200).json()["data"], json!([]));

    app.settle().await;
    let mails = app.mails();
    let told: Vec<_> = mails.iter().filter(|mail| mail.contains("You were logged out everywhere")).collect();
    assert!(told.len() == 1 && told[0].contains("someone of the shop"), "{mails:?}");
    app.advance(1);
    let (_, alice) = app.logged_in(ALICE).await;
    for path in ["/v1/accounts/me/activity", "/v1/accounts/me/export"] {
        let shown = alice.get(path).await.expect(200);
        let lines = shown.json().pointer("/data").or(shown.json().pointer("/activity/data")).unwrap().clone();
        let line = lines.as_array().unwrap().iter().find(|line| line["event"] == "sessions_ended").unwrap();
        let (kind, address) = (&line["actor_kind"], &line["address"]);
        assert_eq!((kind, address, line.get("reason")), (&json!("person"), &json!(null), None));
        assert!(!shown.text().contains("kumquat") && !shown.text().contains("stolen"), "{}", shown.text());
    }
    let all = app.by(Role::Admin).get(&format!("/v1/activity?account={id}")).await.expect(200).json();
    let line = all["data"].as_array().unwrap().iter().find(|line| line["event"] == "sessions_ended").unwrap();
    assert_eq!((&line["actor"], &line["reason"]), (&json!("sam.kumquat"), &json!("Her phone was stolen.")));
}

/// Catches: support that logs administrators out, or is told where they are.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_administrators_are_only_for_administrators() {
    let app = TestApp::start_generous().await;
    app.registered(ADA).await;
    let (admin, support) = (app.by(Role::Admin), app.by(Role::Support));
    let id = id_of(&app.logged_in(ADA).await.1).await;
    let roles = json!({"roles": ["customer", "admin"], "reason": "She takes over."});
    admin.put(&format!("/v1/accounts/{id}/roles"), roles).await.expect(200);
    app.advance(1);
    let (_, ada) = app.logged_in(ADA).await;
    let path = format!("/v1/accounts/{id}/sessions");
    let why = || json!({"reason": "Why not."});
    assert_eq!(support.get(&path).await.refusal(), "403 forbidden");
    assert_eq!(support.delete_with(&path, why()).await.refusal(), "403 forbidden");
    for client in [&ada.with_token(app.token("bob", &[Role::Customer])), &app.by(Role::Operator)] {
        assert_eq!(client.get(&path).await.refusal(), "403 forbidden");
        assert_eq!(client.delete_with(&path, why()).await.refusal(), "403 forbidden");
    }
    ada.get("/v1/accounts/me").await.expect(200);
    admin.delete_with(&path, why()).await.expect(200);
    assert_eq!(ada.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
    let nobody = format!("/v1/accounts/acc_{}/sessions", "0".repeat(32));
    assert_eq!(support.get(&nobody).await.refusal(), "404 not_found");
    assert_eq!(support.delete_with(&nobody, why()).await.refusal(), "404 not_found");
}
