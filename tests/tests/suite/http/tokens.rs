//! Who is let in. The forgeries themselves are tested beside the verifier; here, that no way around it
//! exists over HTTP.

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp, until};
use reqwest::Method;
use serde_json::json;

use crate::faults::House;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_no_good_is_refused_wherever_it_is_sent() {
    let app = TestApp::start_with(|config| {
        (config.rates.invalid_token_per_second, config.rates.invalid_token_burst) = (1_000, 1_000);
    })
    .await;
    let good = app.token("alice", &[Role::Customer]);
    let parts: Vec<&str> = good.split('.').collect();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    for bad in [
        String::new(),
        "nonsense".into(),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], parts[2].chars().rev().collect::<String>()),
        format!("{good}.{good}"),
        "a".repeat(9_000),
    ] {
        for path in ["/v1/orders", "/v1/products"] {
            let request = app.anonymous.request(Method::GET, path);
            let reply = app.anonymous.send(request.header("authorization", format!("Bearer {bad}"))).await;
            assert_eq!(reply.refusal(), "401 unauthenticated", "{path} {bad:.40}");
            assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
    }
    let twice = app.anonymous.request(Method::GET, "/v1/orders");
    let twice = twice.header("authorization", format!("Bearer {good}")).header("authorization", "Bearer x");
    assert_eq!(app.anonymous.send(twice).await.status, 401);
    for scheme in ["Basic", "bearer2", "Token"] {
        let request = app.anonymous.request(Method::GET, "/v1/orders");
        let reply = app.anonymous.send(request.header("authorization", format!("{scheme} {good}"))).await;
        assert_eq!(reply.status, 401, "{scheme}");
    }
    let lower_case = app.anonymous.request(Method::GET, "/v1/orders");
    app.anonymous.send(lower_case.header("authorization", format!("bearer {good}"))).await.expect(200);
    // Never in the query string, not even a good one beside a good one.
    let alice = app.customer("alice");
    assert_eq!(alice.get(&format!("/v1/orders?access_token={good}")).await.refusal(), "401 unauthenticated");
    assert_eq!(app.anonymous.get(&format!("/v1/products?access_token={good}")).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_it_says() {
    let app = TestApp::start().await;
    let alice = app.customer("alice");
    alice.get("/v1/orders").await.expect(200);
    app.advance(3_600 + 29);
    alice.get("/v1/orders").await.expect(200);
    app.advance(2);
    assert_eq!(alice.get("/v1/orders").await.refusal(), "401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_key_or_place_is_refused() {
    let app = TestApp::start().await;
    let elsewhere = TestApp::start().await;
    let stranger = app.anonymous.with_token(elsewhere.token("alice", &[Role::Admin]));
    assert_eq!(stranger.get("/v1/orders").await.refusal(), "401 unauthenticated");
    for twin in [
        app.twin(|config| config.tokens.audience = "somewhere-else".into()).await,
        app.twin(|config| config.tokens.issuer = "somebody-else".into()).await,
    ] {
        let visitor = app.anonymous.with_token(twin.token("alice", &[Role::Customer]));
        assert_eq!(visitor.get("/v1/orders").await.refusal(), "401 unauthenticated");
    }
}

/// Catches: a limit of bad tokens that keeps good ones from the same address out.
#[tokio::test(flavor = "multi_thread")]
async fn many_bad_tokens_are_limited_and_good_ones_are_not_concerned() {
    let app = TestApp::start_with(|config| {
        (config.rates.invalid_token_per_second, config.rates.invalid_token_burst) = (1, 5);
    })
    .await;
    let alice = app.customer("alice");
    alice.get("/v1/orders").await.expect(200);
    let forged = app.token("bob", &[Role::Customer]);
    let forged = &forged[..forged.len() - 4];
    let mut replies = Vec::new();
    for number in 1_000..1_015 {
        replies.push(app.anonymous.with_token(format!("{forged}{number}")).get("/v1/orders").await);
    }
    assert_eq!(replies[0].refusal(), "401 unauthenticated");
    let limited = replies.iter().find(|reply| reply.status == 429).expect("there is a limit");
    assert_eq!(limited.refusal(), "429 rate_limited");
    assert!(limited.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(limited.header("ratelimit"), Some("\"invalid-token\";r=0"));
    assert!(limited.header("ratelimit-policy").unwrap().starts_with("\"invalid-token\";q=5;"));
    // Neither a caller who is known is locked out by it, nor one who is new.
    alice.get("/v1/orders").await.expect(200);
    app.customer("carol").get("/v1/orders").await.expect(200);
    app.anonymous.get("/v1/permissions").await.expect(200);
}

/// Catches: tokens that stay remembered, and revocations that only one process knows.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_revokes_ends_in_every_process() {
    let app = TestApp::start().await;
    let twin = app.twin(|_| {}).await;
    let (alice, bob) = (app.customer("alice"), app.customer("bob"));
    let (alice_there, bob_there) = (twin.customer("alice"), twin.customer("bob"));
    for client in [&alice, &bob, &alice_there, &bob_there] {
        client.get("/v1/orders").await.expect(200);
    }
    let body = json!({"revoked": {"subject": "alice"}, "reason": "her phone was stolen"});
    app.operator().post("/admin/revocations", body).await.expect(200);
    assert_eq!(alice.get("/v1/orders").await.refusal(), "401 unauthenticated");
    until("the other process knows", async || alice_there.get("/v1/orders").await.status == 401).await;
    for client in [&bob, &bob_there] {
        client.get("/v1/orders").await.expect(200);
    }
    // A process that starts knows it too, and a token of afterwards is good.
    let newcomer = app.twin(|_| {}).await;
    assert_eq!(newcomer.customer("alice").get("/v1/orders").await.refusal(), "401 unauthenticated");
    newcomer.advance(1);
    newcomer.customer("alice").get("/v1/orders").await.expect(200);
    let audited = "SELECT count(*) FROM audit WHERE actor = 'operator' AND action = 'revoke.subject'
                      AND target = 'alice' AND reason = 'her phone was stolen'";
    assert_eq!(app.database.count(audited).await, 1);
}

/// Catches: a log-in that is refused because it was in the second of the revocation; a token of before that stays good.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_issued_after_a_revocation_is_good_at_once() {
    let house = House::new().await;
    let server = house.started("server");
    for subject in ["ada", "bob", "cy"] {
        let before = house.by(&server, subject, Role::Customer);
        before.get("/v1/orders").await.expect(200);
        let body = json!({"revoked": {"subject": subject}, "reason": "logged out everywhere"});
        house.operator(&server).post("/admin/revocations", body).await.expect(200);
        house.by(&server, subject, Role::Customer).get("/v1/orders").await.expect(200);
        assert_eq!(before.get("/v1/orders").await.refusal(), "401 unauthenticated");
    }
}

/// Catches: a request that locks everyone out for good, and a revoked key that is still published.
#[tokio::test(flavor = "multi_thread")]
async fn the_last_key_is_not_revoked_and_others_are_gone_with_their_tokens() {
    let app = TestApp::start().await;
    let keys = async |app: &TestApp| {
        let keys = app.anonymous.get("/.well-known/jwks.json").await.expect(200).json()["keys"].clone();
        let ids = keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let own = keys(&app).await.remove(0);
    let admin = app.admin().with_token(app.token("root", &[Role::Admin]));
    let body = json!({"revoked": {"key": own}});
    assert_eq!(app.operator().post("/admin/revocations", body.clone()).await.refusal(), "403 forbidden");
    assert_eq!(admin.post("/admin/revocations", body.clone()).await.refusal(), "409 last_signing_key");
    app.customer("alice").get("/v1/orders").await.expect(200);
    assert_eq!(keys(&app).await, std::slice::from_ref(&own));

    // Where another issuer's key is left, this one may go.
    let issuer = TestApp::start().await;
    let (twin, admin) = with_a_second_issuer(&app, &issuer).await;
    admin.post("/admin/revocations", body).await.expect(200);
    assert!(keys(&twin).await.is_empty());
    assert_eq!(twin.customer("alice").get("/v1/orders").await.refusal(), "401 unauthenticated");
    let theirs = json!({"revoked": {"key": keys(&issuer).await[0]}});
    assert_eq!(admin.post("/admin/revocations", theirs).await.refusal(), "409 last_signing_key");
}

/// A process of the same database that takes tokens of another issuer, too, and an admin there.
async fn with_a_second_issuer(app: &TestApp, issuer: &TestApp) -> (TestApp, Client) {
    let twin = app
        .twin(|config| {
            let own = config.home.join("keys/development-signing.pem");
            config.tokens.signing_key_file = Some(own);
            config.tokens.jwks_url = Some(format!("{}/.well-known/jwks.json", issuer.anonymous.base()));
        })
        .await;
    let admin = twin.admin().with_token(issuer.token("root", &[Role::Admin]));
    until("the issuer's key is known", async || admin.get("/admin/log").await.status == 200).await;
    (twin, admin)
}

/// Catches: a last key that each of two processes takes for the last but one.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_do_not_revoke_one_key_each_of_the_last_two() {
    let (app, issuer) = (TestApp::start().await, TestApp::start().await);
    let (_one, here) = with_a_second_issuer(&app, &issuer).await;
    let (_other, there) = with_a_second_issuer(&app, &issuer).await;
    let mut bodies = Vec::new();
    for of in [&app, &issuer] {
        let keys = of.anonymous.get("/.well-known/jwks.json").await.expect(200).json();
        bodies.push(json!({"revoked": {"key": keys["keys"][0]["kid"]}}));
    }
    let revoke = |client: Client, body| async move { client.post("/admin/revocations", body).await.status };
    let (theirs, ours) = (bodies.pop().unwrap(), bodies.pop().unwrap());
    let statuses = tokio::join!(revoke(here, ours), revoke(there, theirs));
    assert!([(200, 409), (409, 200), (401, 200)].contains(&statuses), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_revoked_is_refused() {
    let app = TestApp::start().await;
    for body in [
        json!({}),
        json!({"revoked": {}}),
        json!({"revoked": {"role": "admin"}}),
        json!({"revoked": {"token": ""}}),
        json!({"revoked": {"token": "a\u{0}b"}}),
        json!({"revoked": {"subject": "x".repeat(257)}}),
        json!({"revoked": {"token": "a", "subject": "b"}}),
    ] {
        let status = app.operator().post("/admin/revocations", body.clone()).await.status;
        assert!([400, 422].contains(&status), "{status} {body}");
    }
    let customer = app.operator().with_token(app.token("alice", &[Role::Customer]));
    let body = json!({"revoked": {"subject": "bob"}});
    assert_eq!(customer.post("/admin/revocations", body).await.refusal(), "403 forbidden");
}
