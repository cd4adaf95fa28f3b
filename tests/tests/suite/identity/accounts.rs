//! From registering to leaving.

use daybook_domain::policy::Role;
use daybook_tests::{
    Reply, TestApp,
    metrics::counted,
    people::{PASSWORD, post},
    until,
};
use futures::future::join_all;
use serde_json::{Value, json};

const ALICE: &str = "alice@example.com";
const STRANGER: &str = "stranger@example.com";

fn hashes() -> f64 {
    counted("daybook_password_hashes_total")
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_registers_verifies_their_address_logs_in_and_orders() {
    let app = TestApp::start_generous().await;
    app.sell("TEA-1", 1999, 10).await;
    assert_eq!(app.register("Alice@Example.com").await.expect(202).json(), json!({}));
    let token = app.link_to("Alice@example.com", "confirm").await;
    // Until then, no one can log in with it.
    assert_eq!(app.try_log_in(ALICE, PASSWORD, None).await.refusal(), "401 invalid_credentials");
    let verify = |token: String| post(&app.anonymous, "/v1/accounts/verification", json!({"token": token}));
    verify(token.clone()).await.expect(200);
    assert_eq!(verify(token).await.refusal(), "422 invalid_link");
    let (tokens, alice) = app.logged_in(ALICE).await;
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(600)));
    let me = alice.get("/v1/accounts/me").await.expect(200).json();
    assert_eq!((&me["email"], &me["name"]), (&json!("Alice@Example.com"), &json!("Alice Example")));
    assert_eq!((&me["roles"], &me["second_factor"]), (&json!(["customer"]), &json!(false)));
    let order = json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR"});
    let placed = alice.post("/v1/orders", order).await.expect(201).json();
    let shown = alice.get(&format!("/v1/orders/{}", placed["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(shown["customer"], me["id"]);
    let changed = alice.patch("/v1/accounts/me", json!({"name": null, "language": "de-AT", "news": true}));
    let changed = changed.await.expect(200).json();
    assert_eq!((&changed["name"], &changed["language"]), (&Value::Null, &json!("de-AT")));
    let activity = alice.get("/v1/accounts/me/activity?limit=2").await.expect(200).json();
    assert_eq!(activity["data"][0]["event"], "logged_in");
    assert_eq!(activity["has_more"], true);
    let next = format!("/v1/accounts/me/activity?after={}", activity["next"].as_str().unwrap());
    assert_eq!(alice.get(&next).await.expect(200).json()["data"][0]["event"], "registered");
}

/// What a caller can tell of an answer.
fn seen(reply: &Reply) -> (u16, Value) {
    let mut body = reply.json();
    if let Some(body) = body.as_object_mut() {
        body.remove("request_id");
        body.remove("trace_id");
    }
    (reply.status, body)
}

/// Catches: an answer, or work, that tells whether there is an account: no hash for an address that isn't known, or a
/// look at it before the answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_known_address_and_an_unknown_one_get_the_same_answers_for_the_same_work() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let effects = "SELECT count(*) FROM effects";
    for (what, path, body) in [
        ("log-in", "/v1/sessions", json!({"password": "another guess at it"})),
        ("registration", "/v1/accounts", json!({"password": PASSWORD})),
        ("reset", "/v1/accounts/password-resets", json!({})),
    ] {
        let mut told = Vec::new();
        for email in [ALICE, STRANGER] {
            app.settle().await;
            let (hashed, rows) = (hashes(), app.database.count(effects).await);
            let activity = app.database.count("SELECT count(*) FROM activity").await;
            let mut body = body.clone();
            body["email"] = json!(email);
            let reply = post(&app.anonymous, path, body).await;
            let rows = app.database.count(effects).await - rows;
            // What is written later is nothing that the caller waits for.
            let activity = if what == "log-in" {
                app.database.count("SELECT count(*) FROM activity").await - activity
            } else {
                0
            };
            told.push((seen(&reply), hashes() - hashed, rows, activity));
        }
        assert_eq!(told[0], told[1], "{what}");
    }
}

/// Catches: an address that two accounts have.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_register_with_one_address_one_has_it() {
    let app = TestApp::start_generous().await;
    join_all((0..64).map(|_| app.register(ALICE)))
        .await
        .into_iter()
        .for_each(|reply| drop(reply.expect(202)));
    until("all are registered", async || {
        app.mails().iter().filter(|mail| mail.contains("confirm")).count() == 64
    })
    .await;
    let accounts = "SELECT count(DISTINCT account) FROM links WHERE purpose = 'address'";
    assert_eq!(app.database.count(accounts).await, 64);
    let tokens = app.links_to(ALICE, "confirm");
    let verify = |token: String| post(&app.anonymous, "/v1/accounts/verification", json!({"token": token}));
    let replies = join_all(tokens.into_iter().map(verify)).await;
    let codes: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(codes.iter().filter(|status| **status == 200).count(), 1, "{codes:?}");
    let others = replies.iter().filter(|reply| reply.status != 200);
    others.for_each(|reply| assert_eq!(reply.refusal(), "409 address_taken"));
    assert_eq!(app.database.count("SELECT count(*) FROM email_claims").await, 1);
    let verified = "SELECT count(*) FROM events WHERE event_type = 'AccountAddressVerified'";
    assert_eq!(app.database.count(verified).await, 1);
}

/// Catches: a claim of a process that died in the middle, which keeps the address from everyone for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_never_confirmed_lapses() {
    let app = TestApp::start_generous().await;
    app.registered(STRANGER).await;
    app.register(ALICE).await.expect(202);
    let token = app.link_to(ALICE, "confirm").await;
    let verify = || post(&app.anonymous, "/v1/accounts/verification", json!({"token": token}));
    // As a process leaves it that claimed the address for another account and died.
    let claims = "SELECT encode(blind, 'hex') FROM email_claims";
    verify().await.expect(200);
    let blinds: Vec<String> = sqlx::query_scalar(claims).fetch_all(&app.database.superuser).await.unwrap();
    assert_eq!(blinds.len(), 2);
    app.database
        .execute(
            "UPDATE email_claims SET account = 'acc_00000000000000000000000000000001',
                    until = to_timestamp(1800000060)
              WHERE account = (SELECT account FROM links ORDER BY expires_at DESC, id DESC LIMIT 1)",
        )
        .await;
    app.database.execute("UPDATE links SET used_at = NULL").await;
    assert_eq!(verify().await.refusal(), "409 address_taken");
    app.advance(61);
    verify().await.expect(200);
    app.logged_in(ALICE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_registers_with_a_known_address_is_answered_like_anyone_and_its_owner_is_told() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let body = json!({"email": "ALICE@example.com", "password": "tangerine umbrella lighthouse"});
    post(&app.anonymous, "/v1/accounts", body).await.expect(202);
    app.settle().await;
    assert!(app.mails().iter().any(|mail| mail.contains("You have an account already")));
    let accounts = "SELECT count(*) FROM events WHERE event_type = 'AccountRegistered'";
    assert_eq!(app.database.count(accounts).await, 1);
    // The password is that of before.
    app.logged_in(ALICE).await;
}

/// Catches: sessions that outlive a reset, and a link that is good twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_brings_another_password_once_and_ends_every_session() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let (tokens, alice) = app.logged_in(ALICE).await;
    post(&app.anonymous, "/v1/accounts/password-resets", json!({"email": ALICE})).await.expect(202);
    let token = app.link_to(ALICE, "new password").await;
    let reset = |password: &str| {
        let body = json!({"token": token, "password": password});
        post(&app.anonymous, "/v1/accounts/password-resets/confirmation", body)
    };
    assert_eq!(reset("password1234").await.refusal(), "422 weak_password");
    reset("tangerine umbrella lighthouse").await.expect(200);
    assert_eq!(reset("another good one, isn't it").await.refusal(), "422 invalid_link");
    assert_eq!(alice.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.refusal(), "401 unauthenticated");
    assert_eq!(app.try_log_in(ALICE, PASSWORD, None).await.refusal(), "401 invalid_credentials");
    app.try_log_in(ALICE, "tangerine umbrella lighthouse", None).await.expect(201);
    app.settle().await;
    assert!(app.mails().iter().any(|mail| mail.contains("Your password was changed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_good_for_a_while_and_not_for_something_else() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    post(&app.anonymous, "/v1/accounts/password-resets", json!({"email": ALICE})).await.expect(202);
    let token = app.link_to(ALICE, "new password").await;
    let verify = post(&app.anonymous, "/v1/accounts/verification", json!({"token": token})).await;
    assert_eq!(verify.refusal(), "422 invalid_link");
    let changed = format!("{}A", &token[..token.len() - 1]);
    app.advance(3_601);
    for token in [token, changed, String::new(), "dlt_".into()] {
        let body = json!({"token": token, "password": PASSWORD});
        let reply = post(&app.anonymous, "/v1/accounts/password-resets/confirmation", body).await;
        assert_eq!(reply.refusal(), "422 invalid_link", "{token}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_password_ends_the_other_sessions() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let (_, phone) = app.logged_in(ALICE).await;
    let (_, laptop) = app.logged_in(ALICE).await;
    let change = async |current: &str, new: &str| {
        laptop.put("/v1/accounts/me/password", json!({"current": current, "new": new})).await
    };
    let refused = change("a wrong one of mine", "tangerine umbrella lighthouse").await;
    assert_eq!(refused.refusal(), "401 invalid_credentials");
    assert_eq!(change(PASSWORD, "password1234").await.refusal(), "422 weak_password");
    change(PASSWORD, "tangerine umbrella lighthouse").await.expect(200);
    assert_eq!(phone.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
    laptop.get("/v1/accounts/me").await.expect(200);
}

/// Catches: an address that is changed before it was shown to be one's own.
#[tokio::test(flavor = "multi_thread")]
async fn another_address_counts_when_it_is_verified() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    app.registered(STRANGER).await;
    let (_, alice) = app.logged_in(ALICE).await;
    // That it is someone's already is not told.
    let ask = async |email: &str| alice.put("/v1/accounts/me/email", json!({"email": email})).await;
    ask(STRANGER).await.expect(202);
    let links = "SELECT count(*) FROM links WHERE purpose = 'address'";
    until("the link is there", async || app.database.count(links).await == 3).await;
    app.settle().await;
    let mut refused = 0;
    for token in app.links_to(STRANGER, "confirm") {
        let reply = post(&app.anonymous, "/v1/accounts/verification", json!({"token": token})).await;
        refused += usize::from(reply.status == 409);
    }
    assert_eq!(refused, 1, "it belongs to the stranger");
    ask("alice@elsewhere.example").await.expect(202);
    let me = alice.get("/v1/accounts/me").await.expect(200).json();
    assert_eq!((&me["email"], &me["pending_email"]), (&json!(ALICE), &json!("alice@elsewhere.example")));
    let token = app.link_to("alice@elsewhere.example", "confirm").await;
    post(&app.anonymous, "/v1/accounts/verification", json!({"token": token})).await.expect(200);
    assert_eq!(app.try_log_in(ALICE, PASSWORD, None).await.refusal(), "401 invalid_credentials");
    app.logged_in("alice@elsewhere.example").await;
    app.settle().await;
    let told = |mail: &String| mail.contains(ALICE) && mail.contains("Your e-mail address was changed");
    assert!(app.mails().iter().any(told));
    // The address is free for others again.
    app.registered(ALICE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn support_finds_an_account_by_its_address_and_others_do_not() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let (_, alice) = app.logged_in(ALICE).await;
    let support = app.by(Role::Support);
    let found = support.get("/v1/accounts?email=ALICE@example.com").await.expect(200).json();
    let id = found["data"][0]["id"].as_str().unwrap().to_owned();
    support.get(&format!("/v1/accounts/{id}")).await.expect(200);
    assert_eq!(
        support.get("/v1/accounts?email=nobody@example.com").await.expect(200).json()["data"],
        json!([])
    );
    assert_eq!(alice.get("/v1/accounts?email=alice@example.com").await.refusal(), "403 forbidden");
    alice.get(&format!("/v1/accounts/{id}")).await.expect(200);
    app.registered(STRANGER).await;
    let (_, stranger) = app.logged_in(STRANGER).await;
    assert_eq!(stranger.get(&format!("/v1/accounts/{id}")).await.refusal(), "404 not_found");
    // Someone whose token comes from elsewhere has no account.
    assert_eq!(app.customer("bob").get("/v1/accounts/me").await.refusal(), "404 not_found");
}

/// Catches: personal data that outlives its owner, and an account that can still be logged in to.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_forgotten() {
    let app = TestApp::start_generous().await;
    app.sell("TEA-1", 1999, 10).await;
    app.registered(ALICE).await;
    let (tokens, alice) = app.logged_in(ALICE).await;
    let order = json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR",
        "contact": {"name": "Alice Example", "email": ALICE}});
    let placed = alice.post("/v1/orders", order).await.expect(201).json();
    let path = format!("/v1/orders/{}", placed["id"].as_str().unwrap());
    assert_eq!(alice.delete("/v1/accounts/me").await.refusal(), "422 orders_open");
    alice.post(&format!("{path}/cancellation"), json!({})).await.expect(200);
    alice.delete("/v1/accounts/me").await.expect(200);
    assert_eq!(alice.get("/v1/accounts/me").await.refusal(), "401 unauthenticated");
    assert_eq!(app.refresh(&tokens["refresh_token"]).await.refusal(), "401 unauthenticated");
    assert_eq!(app.try_log_in(ALICE, PASSWORD, None).await.refusal(), "401 invalid_credentials");
    for table in ["credentials", "email_claims", "person_keys"] {
        assert_eq!(app.database.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    // A second process has nothing in memory.
    let twin = app.twin(|_| {}).await;
    let shown = twin.by(Role::Support).get(&path).await.expect(200).json();
    assert_eq!((&shown["contact"], &shown["erased"]), (&Value::Null, &json!(true)));
    // The address can be used again.
    app.registered(ALICE).await;
    app.logged_in(ALICE).await;
}
