//! Staying logged in and logging out.

use daybook_tests::{TestApp, people::post, until};
use futures::future::join_all;
use serde_json::json;

const ALICE: &str = "alice@example.com";

async fn house() -> TestApp {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    app
}

/// Catches: two tabs, or an answer that got lost, that log someone out.
#[tokio::test(flavor = "multi_thread")]
async fn many_refreshes_of_one_token_have_one_successor() {
    let app = house().await;
    let twin = app.twin(|_| {}).await;
    let (tokens, _) = app.logged_in(ALICE).await;
    let token = &tokens["refresh_token"];
    let refreshes =
        (0..20).map(|number| if number % 2 == 0 { app.refresh(token) } else { twin.refresh(token) });
    let replies = join_all(refreshes).await;
    let successors: Vec<_> =
        replies.into_iter().map(|reply| reply.expect(200).json()["refresh_token"].clone()).collect();
    assert!(successors.iter().all(|successor| successor == &successors[0]), "{successors:?}");
    // However late a client comes back whose answer was lost, if its successor was never used.
    app.advance(20 * 24 * 3_600);
    let again = app.refresh(token).await.expect(200).json();
    assert_eq!(again["refresh_token"], successors[0]);
    let next = app.refresh(&successors[0]).await.expect(200).json();
    assert_ne!(next["refresh_token"], successors[0]);
    // A short while after it was used, too.
    app.advance(29);
    assert_eq!(app.refresh(token).await.expect(200).json()["refresh_token"], successors[0]);
}

/// Catches: a stolen refresh token that is good beside the one of its owner.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_used_after_its_successor_ends_the_session_and_its_owner_is_told() {
    let app = house().await;
    let (tokens, _) = app.logged_in(ALICE).await;
    let first = &tokens["refresh_token"];
    let second = app.refresh(first).await.expect(200).json();
    let third = app.refresh(&second["refresh_token"]).await.expect(200).json();
    let access = app.anonymous.with_token(third["access_token"].as_str().unwrap());
    access.get("/v1/accounts/me").await.expect(200);
    app.advance(31);
    assert_eq!(app.refresh(first).await.refusal(), "401 unauthenticated");
    for token in [first, &second["refresh_token"], &third["refresh_token"]] {
        assert_eq!(app.refresh(token).await.refusal(), "401 unauthenticated");
    }
    assert_eq!(access.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
    app.settle().await;
    assert!(app.mails().iter().any(|mail| mail.contains("You were logged out everywhere")));
    let (_, alice) = app.logged_in(ALICE).await;
    let activity = alice.get("/v1/accounts/me/activity").await.expect(200).json();
    let events: Vec<_> = activity["data"].as_array().unwrap().iter().map(|line| &line["event"]).collect();
    assert!(events.contains(&&json!("token_reused")), "{events:?}");
}

/// Catches: a token that stays good in a process that didn't end its session.
#[tokio::test(flavor = "multi_thread")]
async fn who_logs_out_is_logged_out_in_every_process() {
    let app = house().await;
    let twin = app.twin(|_| {}).await;
    let (tokens, alice) = app.logged_in(ALICE).await;
    let there = twin.anonymous.with_token(tokens["access_token"].as_str().unwrap());
    there.get("/v1/accounts/me").await.expect(200);
    alice.delete("/v1/sessions/current").await.expect(200);
    assert_eq!(alice.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.refusal(), "401 unauthenticated");
    until("the other process knows", async || there.get("/v1/accounts/me").await.status == 401).await;
    let newcomer = app.twin(|_| {}).await;
    let there = newcomer.anonymous.with_token(tokens["access_token"].as_str().unwrap());
    assert_eq!(there.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_singly_or_all() {
    let app = house().await;
    let (phone, on_phone) = app.logged_in(ALICE).await;
    app.advance(1);
    let (laptop, on_laptop) = app.logged_in(ALICE).await;
    let listed = on_laptop.get("/v1/sessions").await.expect(200).json();
    let ids: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|session| session["id"].clone()).collect();
    assert_eq!(ids, [laptop["session"].clone(), phone["session"].clone()]);
    assert_eq!((&listed["data"][0]["current"], &listed["data"][1]["current"]), (&json!(true), &json!(false)));
    assert_eq!(listed["data"][0]["address"], "127.0.0.1");
    app.registered("mallory@example.com").await;
    let (_, mallory) = app.logged_in("mallory@example.com").await;
    let of_phone = format!("/v1/sessions/{}", phone["session"].as_str().unwrap());
    assert_eq!(mallory.delete(&of_phone).await.refusal(), "404 not_found");
    on_laptop.delete(&of_phone).await.expect(200);
    assert_eq!(on_laptop.delete(&of_phone).await.refusal(), "404 not_found");
    assert_eq!(on_phone.get("/v1/sessions").await.refusal(), "401 unauthenticated");
    let (_, on_tablet) = app.logged_in(ALICE).await;
    on_tablet.delete("/v1/sessions").await.expect(200);
    for client in [on_tablet, on_laptop] {
        assert_eq!(client.get("/v1/sessions").await.refusal(), "401 unauthenticated");
    }
    mallory.get("/v1/sessions").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_themselves() {
    let app = house().await;
    let (idle, _) = app.logged_in(ALICE).await;
    let (mut used, alice) = app.logged_in(ALICE).await;
    // The access token is good for minutes.
    app.advance(10 * 60 + 31);
    assert_eq!(alice.get("/v1/sessions").await.refusal(), "401 unauthenticated");
    for _ in 0..8 {
        app.advance(20 * 24 * 3_600);
        used = app.refresh(&used["refresh_token"]).await.expect(200).json();
    }
    assert_eq!(
        app.refresh(&idle["refresh_token"]).await.refusal(),
        "401 unauthenticated",
        "idle for too long"
    );
    app.advance(21 * 24 * 3_600);
    assert_eq!(
        app.refresh(&used["refresh_token"]).await.refusal(),
        "401 unauthenticated",
        "180 days are over"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_refresh_token_is_refused() {
    let app = house().await;
    let (tokens, _) = app.logged_in(ALICE).await;
    let good = tokens["refresh_token"].as_str().unwrap();
    let parts: Vec<&str> = good.splitn(5, '_').collect();
    let [prefix, key, session, generation, tag] = parts[..] else { panic!("{good}") };
    assert_eq!((prefix, generation), ("drt", "1"));
    for bad in [
        String::new(),
        "drt_".into(),
        format!("drt_{key}_{session}_2_{tag}"),
        format!("drt_00000000_{session}_1_{tag}"),
        format!("drt_{key}_{}_1_{tag}", "0".repeat(32)),
        format!("drt_{key}_{session}_1_{}", &tag[..40]),
        tokens["access_token"].as_str().unwrap().to_owned(),
        tokens["device"].as_str().unwrap().to_owned(),
    ] {
        assert_eq!(app.refresh(&json!(bad)).await.refusal(), "401 unauthenticated", "{bad}");
    }
    let query = app.anonymous.get(&format!("/v1/products?q={good}")).await;
    assert_eq!(query.refusal(), "401 unauthenticated");
    // A refresh token lets no one in.
    assert_eq!(app.anonymous.with_token(good).get("/v1/sessions").await.refusal(), "401 unauthenticated");
    app.refresh(&tokens["refresh_token"]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_not_the_callers_to_set_are_refused() {
    let app = house().await;
    for (path, body) in [
        (
            "/v1/accounts",
            json!({"email": "x@example.com", "password": "correct horse battery", "roles": ["admin"]}),
        ),
        ("/v1/sessions", json!({"email": ALICE, "password": "correct horse battery", "roles": ["admin"]})),
        ("/v1/accounts/password-resets", json!({"email": ALICE, "account": "acc_1"})),
    ] {
        let reply = post(&app.anonymous, path, body).await;
        assert!(reply.refusal().starts_with("422 validation_failed"), "{path}");
    }
}
