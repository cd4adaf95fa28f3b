//! Logging in at other issuers, as front ends do it: who comes back, and to which account they log in.

use daybook_core::{
    config::{Config, Provider},
    entropy::Clock,
};
use daybook_tests::{
    Client, Daybook, Issuer, Reply, TestApp,
    issuer::login::{CLIENT, SECRET},
    mails::links_in,
    people::post,
};
use futures::future::join_all;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use url::Url;

use crate::faults::House;

/// Whom the issuer of the tests lets in.
pub const ADA: &str = "ada@example.com";
pub const BEGIN: &str = "/v1/sessions/outside";
pub const FINISH: &str = "/v1/sessions/outside/completion";
const IDENTITIES: &str = "/v1/accounts/me/identities";
const LINK: &str = "/v1/accounts/me/identities/completion";

/// People can log in at these issuers, too.
pub fn with_providers(config: &mut Config, issuers: &[(&str, &Issuer)]) {
    for (name, issuer) in issuers {
        let provider = Provider {
            issuer: issuer.url().to_owned(),
            client_id: CLIENT.into(),
            client_secret: Some(SECRET.into()),
            scopes: vec!["email".into()],
            label: Some("The <Example>".into()),
            front_end: None,
        };
        config.accounts.providers.insert(name.parse().unwrap(), provider);
    }
}

/// A server of its own, not started yet, at which people can log in at this issuer.
pub fn server(house: &House, issuer: &Issuer) -> Daybook {
    let now = Clock::System.now().timestamp();
    issuer.say(json!({"iat": now, "exp": now + 300}));
    house
        .server("api")
        .with("accounts.providers.example.issuer", issuer.url())
        .with("accounts.providers.example.client_id", CLIENT)
        .with("accounts.providers.example.client_secret", SECRET)
}

pub async fn house() -> (TestApp, Issuer) {
    let issuer = Issuer::start().await;
    let app = TestApp::start_generous_with(|config| with_providers(config, &[("example", &issuer)])).await;
    (app, issuer)
}

/// The person agrees there, and comes back to this address.
pub async fn agreed(url: &str) -> Url {
    let client = reqwest::Client::builder().tls_certs_only([]).redirect(Policy::none()).build().unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 302, "{url}");
    Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
}

/// A parameter of an address.
pub fn of(url: &Url, wanted: &str) -> Option<String> {
    url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// What a front end sends when someone has come back.
async fn come_back(departure: &Value) -> Value {
    let back = agreed(departure["url"].as_str().unwrap()).await;
    let mut body = json!({"attempt": departure["attempt"]});
    for name in ["state", "code", "iss"] {
        body[name] = of(&back, name).unwrap().into();
    }
    body
}

pub async fn gone(client: &Client, path: &str, provider: &str) -> Value {
    let departure = post(client, path, json!({"provider": provider})).await.expect(201).json();
    come_back(&departure).await
}

async fn log_in(app: &TestApp) -> Reply {
    post(&app.anonymous, FINISH, gone(&app.anonymous, BEGIN, "example").await).await
}

fn with(app: &TestApp, tokens: &Value) -> Client {
    app.anonymous.with_token(tokens["access_token"].as_str().unwrap())
}

async fn id(client: &Client) -> String {
    client.get("/v1/accounts/me").await.expect(200).json()["id"].as_str().unwrap().to_owned()
}

async fn events(app: &TestApp, name: &str) -> i64 {
    app.database.count(&format!("SELECT count(*) FROM events WHERE event_type = '{name}'")).await
}

/// Catches: a second account at the second log-in, an address that counts as unverified, and a letter that asks to verify it.
#[tokio::test(flavor = "multi_thread")]
async fn someone_new_is_registered_once_and_logs_in_again_as_the_same() {
    let (app, _issuer) = house().await;
    let providers = app.anonymous.get("/v1/sessions/providers").await.expect(200).json();
    assert_eq!(providers["data"], json!([{"provider": "example", "label": "The <Example>"}]));
    let ada = with(&app, &log_in(&app).await.expect(201).json());
    let me = ada.get("/v1/accounts/me").await.expect(200).json();
    assert_eq!((&me["email"], &me["roles"]), (&json!(ADA), &json!(["customer"])));
    let again = with(&app, &log_in(&app).await.expect(201).json());
    assert_eq!(id(&again).await, me["id"]);
    let listed = again.get(IDENTITIES).await.expect(200).json();
    let one = &listed["data"][0];
    assert_eq!((&one["provider"], &one["email"]), (&json!("example"), &json!(ADA)));
    let copy = again.get("/v1/accounts/me/export").await.expect(200).json();
    assert_eq!(copy["identities"], listed);
    app.settle().await;
    assert_eq!(app.mails(), Vec::<String>::new());
    let activity = ada.get("/v1/accounts/me/activity").await.expect(200).json();
    let happened: Vec<&str> =
        activity["data"].as_array().unwrap().iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(happened, ["logged_in", "logged_in", "identity_linked", "registered"]);
    // Nothing in the database tells whom the issuer knows.
    let told = "SELECT count(*) FROM events WHERE payload::text ~ 'ada@|\"ada\"'";
    assert_eq!(app.database.count(told).await, 0);
    let told = "SELECT count(*) FROM outside_identities i WHERE i::text ~ 'ada@|127.0.0.1'";
    assert_eq!(app.database.count(told).await, 0);
}

/// Catches: an account that is taken over by an address that its owner never verified, and one whose owner isn't told.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_linked_by_an_address_that_both_sides_have_verified() {
    let (app, _issuer) = house().await;
    app.registered("Ada@example.com").await;
    let (_, here) = app.logged_in(ADA).await;
    let there = with(&app, &log_in(&app).await.expect(201).json());
    assert_eq!(id(&there).await, id(&here).await);
    app.settle().await;
    let told =
        |mail: &String| mail.contains("A log-in elsewhere was linked") && mail.contains("Ada@example.com");
    assert_eq!(app.mails().iter().filter(|mail| told(mail)).count(), 1);
    assert_eq!(events(&app, "AccountIdentityLinked").await, 1);
    // The password is good as before.
    app.logged_in(ADA).await;
}

/// Catches: someone who is let in to the account of another, who claimed the address when a process died.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_never_confirmed_lets_no_one_in() {
    let (app, _issuer) = house().await;
    app.registered(ADA).await;
    app.register("mallory@example.com").await.expect(202);
    app.settle().await;
    let newest = "SELECT aggregate_id FROM events WHERE event_type = 'AccountRegistered' ORDER BY position DESC LIMIT 1";
    let mallory: String = sqlx::query_scalar(newest).fetch_one(&app.database.superuser).await.unwrap();
    let lapsed = app.now().timestamp() - 1;
    let claim = format!("UPDATE email_claims SET account = '{mallory}', until = to_timestamp({lapsed})");
    app.database.execute(&claim).await;
    let ada = with(&app, &log_in(&app).await.expect(201).json());
    let me = ada.get("/v1/accounts/me").await.expect(200).json();
    assert_eq!(me["email"], ADA);
    assert_ne!(me["id"], mallory);
}

/// Catches: who registered with someone's address, and waits until its owner logs in elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_not_verified_the_address_gets_no_one_in() {
    let (app, _issuer) = house().await;
    app.register(ADA).await.expect(202);
    let link = app.link_to(ADA, "confirm").await;
    let ada = with(&app, &log_in(&app).await.expect(201).json());
    assert_eq!(events(&app, "AccountRegistered").await, 2);
    let verified = post(&app.anonymous, "/v1/accounts/verification", json!({"token": link})).await;
    assert_eq!(verified.refusal(), "409 address_taken");
    assert_eq!(ada.get("/v1/accounts/me").await.expect(200).json()["email"], ADA);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_with_an_unverified_address_is_refused_and_leaves_nothing() {
    let (app, issuer) = house().await;
    app.registered(ADA).await;
    let before = app.database.count("SELECT count(*) FROM events").await;
    for said in [
        json!({"email_verified": false}),
        json!({"email_verified": null}),
        json!({"email": null}),
        json!({"email": "no address"}),
    ] {
        issuer.say(said.clone());
        assert_eq!(log_in(&app).await.refusal(), "422 address_unverified", "{said}");
    }
    assert_eq!(app.database.count("SELECT count(*) FROM events").await, before);
    assert_eq!(app.database.count("SELECT count(*) FROM outside_identities").await, 0);
    // With the password first, it can be linked all the same.
    let (_, ada) = app.logged_in(ADA).await;
    let linked = post(&ada, LINK, gone(&ada, IDENTITIES, "example").await).await.expect(201).json();
    assert_eq!((&linked["provider"], &linked["email"]), (&json!("example"), &json!("no address")));
    assert_eq!(id(&with(&app, &log_in(&app).await.expect(201).json())).await, id(&ada).await);
}

/// Catches: an answer that another browser brings, one that is used twice, one that is too old, and one of another place.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_good_for_its_own_answer_once() {
    let (app, issuer) = house().await;
    let finish = |body: Value| post(&app.anonymous, FINISH, body);
    let (ours, theirs) =
        (gone(&app.anonymous, BEGIN, "example").await, gone(&app.anonymous, BEGIN, "example").await);
    let mut mixed = theirs.clone();
    mixed["attempt"] = ours["attempt"].clone();
    let asked = issuer.asked().len();
    assert_eq!(finish(mixed).await.refusal(), "422 invalid_attempt");
    for (name, value) in [("attempt", json!("AAAA")), ("attempt", json!("")), ("state", json!(""))] {
        let mut wrong = ours.clone();
        wrong[name] = value;
        assert_eq!(finish(wrong).await.refusal(), "422 invalid_attempt", "{name}");
    }
    assert_eq!(issuer.asked().len(), asked, "the issuer is asked nothing");
    // None of that has used it up, and of many only one is let in.
    let replies = join_all((0..8).map(|_| finish(ours.clone()))).await;
    let codes: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    assert_eq!(codes.iter().filter(|status| **status == 201).count(), 1, "{codes:?}");
    assert_eq!(finish(ours).await.refusal(), "422 invalid_attempt");
    app.advance(601);
    assert_eq!(finish(theirs).await.refusal(), "422 invalid_attempt");
    let refused = json!({"provider": "nowhere"});
    assert_eq!(post(&app.anonymous, BEGIN, refused).await.refusal(), "404 not_found");
}

/// Catches: two accounts of one person, or of one address.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_log_ins_of_one_address_there_is_one_account() {
    let (one, other) = (Issuer::start().await, Issuer::start().await);
    other.say(json!({"sub": "countess", "email": "ADA@example.com"}));
    let providers = [("example", &one), ("other", &other)];
    let app = TestApp::start_generous_with(|config| with_providers(config, &providers)).await;
    let begun = (0..16).map(|n| gone(&app.anonymous, BEGIN, providers[n % 2].0));
    let begun = join_all(begun).await;
    let replies = join_all(begun.into_iter().map(|body| post(&app.anonymous, FINISH, body))).await;
    let mut ids = Vec::new();
    for reply in replies {
        ids.push(id(&with(&app, &reply.expect(201).json())).await);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let accounts =
        "SELECT count(DISTINCT aggregate_id) FROM events WHERE event_type = 'AccountAddressVerified'";
    assert_eq!(app.database.count(accounts).await, 1);
    assert_eq!(app.database.count("SELECT count(*) FROM email_claims WHERE until IS NULL").await, 1);
    assert_eq!(app.database.count("SELECT count(DISTINCT account) FROM outside_identities").await, 1);
    assert_eq!(events(&app, "AccountIdentityLinked").await, 2);
}

/// Catches: what a process left that died after its row was written, which keeps someone out for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_no_account_names_is_taken_over() {
    let (app, _issuer) = house().await;
    app.registered("other@example.com").await;
    let (_, other) = app.logged_in("other@example.com").await;
    let first = id(&with(&app, &log_in(&app).await.expect(201).json())).await;
    for account in ["acc_019b0000000070008000000000000001".to_owned(), id(&other).await] {
        let point = format!("UPDATE outside_identities SET id = gen_random_uuid(), account = '{account}'");
        app.database.execute(&point).await;
        assert_eq!(id(&with(&app, &log_in(&app).await.expect(201).json())).await, first);
    }
}

/// Catches: someone of another issuer who gets into two accounts, or out of the only way in.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_elsewhere_is_linked_by_its_owner_and_taken_away_again() {
    let (app, _issuer) = house().await;
    let ada = with(&app, &log_in(&app).await.expect(201).json());
    app.registered("bob@example.com").await;
    let (_, bob) = app.logged_in("bob@example.com").await;
    let taken = post(&bob, LINK, gone(&bob, IDENTITIES, "example").await).await;
    assert_eq!(taken.refusal(), "409 identity_taken");
    // What one has begun another doesn't finish, and a link is no log-in.
    let begun = gone(&bob, IDENTITIES, "example").await;
    assert_eq!(post(&ada, LINK, begun.clone()).await.refusal(), "422 invalid_attempt");
    assert_eq!(post(&bob, FINISH, begun).await.refusal(), "422 invalid_attempt");
    let begun = gone(&bob, BEGIN, "example").await;
    assert_eq!(post(&bob, LINK, begun).await.refusal(), "422 invalid_attempt");
    let linked = ada.get(IDENTITIES).await.expect(200).json();
    let path = format!("{IDENTITIES}/{}", linked["data"][0]["id"].as_str().unwrap());
    assert_eq!(bob.delete(&path).await.refusal(), "404 not_found");
    assert_eq!(ada.delete(&path).await.refusal(), "409 last_way_in");
    // She chooses a password by mail.
    post(&app.anonymous, "/v1/accounts/password-resets", json!({"email": ADA})).await.expect(202);
    let token = app.link_to(ADA, "new password").await;
    let reset = json!({"token": token, "password": daybook_tests::people::PASSWORD});
    post(&app.anonymous, "/v1/accounts/password-resets/confirmation", reset).await.expect(200);
    let (_, ada) = app.logged_in(ADA).await;
    app.advance(601);
    assert_eq!(ada.delete(&path).await.refusal(), "401 confirmation_required");
    let refused = post(&ada, IDENTITIES, json!({"provider": "example"})).await;
    assert_eq!(refused.refusal(), "401 confirmation_required");
    let (_, ada) = app.logged_in(ADA).await;
    ada.delete(&path).await.expect(200);
    assert_eq!(ada.get(IDENTITIES).await.expect(200).json()["data"], json!([]));
    assert_eq!(app.database.count("SELECT count(*) FROM outside_identities").await, 0);
    app.settle().await;
    assert!(app.mails().iter().any(|mail| mail.contains("A log-in elsewhere was taken away")));
    assert!(links_in(&app.mails(), ADA, "confirm").is_empty());
}

/// Catches: an account that a session which has ended is still linked by.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_begun_ends_with_its_session() {
    let (app, _issuer) = house().await;
    app.registered("bob@example.com").await;
    let (_, bob) = app.logged_in("bob@example.com").await;
    let begun = gone(&bob, IDENTITIES, "example").await;
    bob.delete("/v1/sessions/current").await.expect(200);
    let (_, bob) = app.logged_in("bob@example.com").await;
    assert_eq!(post(&bob, LINK, begun).await.refusal(), "422 invalid_attempt");
}

/// Catches: an issuer that takes the place of the second factor, too, and a code that is guessed without end.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_factor_of_the_account_is_asked_for() {
    let (app, _issuer) = house().await;
    let (alice, secret, recovery) = super::factors::with_second_factor_of(&app, ADA).await;
    let begun = gone(&app.anonymous, BEGIN, "example").await;
    let finish = async |code: Option<&str>| {
        let mut body = begun.clone();
        if let Some(code) = code {
            body["second_factor"] = json!(code);
        }
        post(&app.anonymous, FINISH, body).await
    };
    assert_eq!(finish(None).await.refusal(), "401 second_factor_required");
    assert_eq!(finish(None).await.refusal(), "401 second_factor_required");
    assert_eq!(finish(Some("000000")).await.refusal(), "401 invalid_credentials");
    app.advance(daybook_core::identity::totp::STEP_S);
    let code = super::factors::shown(&app, &secret);
    let ada = with(&app, &finish(Some(&code)).await.expect(201).json());
    assert_eq!(id(&ada).await, id(&alice).await);
    assert_eq!(finish(Some(&recovery[0])).await.refusal(), "422 invalid_attempt");
    // A code that comes with the answer is as good.
    let mut body = gone(&app.anonymous, BEGIN, "example").await;
    body["second_factor"] = json!(recovery[1]);
    post(&app.anonymous, FINISH, body).await.expect(201);
}

/// Catches: someone who has left and is known by the issuer's name for them.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_no_one_when_they_come_back() {
    let (app, _issuer) = house().await;
    let ada = with(&app, &log_in(&app).await.expect(201).json());
    let first = id(&ada).await;
    ada.delete("/v1/accounts/me").await.expect(200);
    for table in ["outside_identities", "credentials", "email_claims"] {
        assert_eq!(app.database.count(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_ne!(id(&with(&app, &log_in(&app).await.expect(201).json())).await, first);
}

/// Catches: an issuer that is away and taken for one that refuses, and a request for each that begins.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_is_away_or_refuses_is_told_apart() {
    let issuer = Issuer::start().await;
    let app = TestApp::start_with(|config| {
        with_providers(config, &[("example", &issuer)]);
        config.budgets.log_in_address = 4;
    })
    .await;
    let begin = || post(&app.anonymous, BEGIN, json!({"provider": "example"}));
    issuer.be_away(true);
    assert_eq!(begin().await.refusal(), "503 unavailable");
    issuer.be_away(false);
    let departure = begin().await.expect(201).json();
    let url = Url::parse(departure["url"].as_str().unwrap()).unwrap();
    let denied = json!({"attempt": departure["attempt"], "state": of(&url, "state"), "iss": issuer.url(),
        "error": "access_denied"});
    assert_eq!(post(&app.anonymous, FINISH, denied).await.refusal(), "422 refused_elsewhere");
    let begun = come_back(&begin().await.expect(201).json()).await;
    issuer.be_away(true);
    assert_eq!(post(&app.anonymous, FINISH, begun).await.refusal(), "503 unavailable");
    issuer.be_away(false);
    begin().await.expect(201);
    assert_eq!(begin().await.refusal(), "429 rate_limited");
    let failed = "SELECT count(*) FROM activity WHERE event = 'log_in_failed' AND account IS NULL";
    assert_eq!(app.database.count(failed).await, 2);
}
