//! Tokens of another issuer, whose keys are fetched from its address.

use daybook_core::Config;
use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{
    Client, Issuer, TestApp,
    issuer::{
        Key,
        keys::{message, with_secret},
    },
    metrics::of_labels,
    until,
};
use serde_json::{Value, json};

/// What its tokens say who it is, wherever it is.
const ISSUER: &str = "https://issuer.example";
/// The time of the test, in seconds.
const NOW: i64 = 1_800_000_000;

/// A server that takes tokens of ours and of the issuer.
struct Stage {
    app: TestApp,
    issuer: Issuer,
    _first: TestApp,
}

impl Stage {
    async fn set() -> Self {
        Self::set_with(Issuer::start().await, |_| {}).await
    }

    async fn set_with(issuer: Issuer, change: impl FnOnce(&mut Config)) -> Self {
        // It makes the key of ours.
        let first = TestApp::start().await;
        let app = first
            .twin(|config| {
                config.tokens.signing_key_file = Some(config.home.join("keys/development-signing.pem"));
                config.tokens.jwks_url = Some(issuer.jwks_url());
                config.tokens.jwks_interval = Span::seconds(1);
                config.tokens.outside_issuer = Some(ISSUER.into());
                config.tokens.outside_audience = Some("shop".into());
                config.rates.invalid_token_burst = 10_000;
                change(config);
            })
            .await;
        Self { app, issuer, _first: first }
    }

    async fn knows(&self, key: &Key) {
        let client = self.with(&key.token(&claims()));
        until("its keys are known", async || client.get(MINE).await.status == 200).await;
    }

    fn with(&self, token: &str) -> Client {
        self.app.anonymous.with_token(token)
    }

    /// It is refused, for this reason.
    async fn refuses(&self, what: &str, token: &str, reason: &str) {
        let count = || of_labels("daybook_tokens_refused_total", &[("reason", reason)]);
        let before = count();
        let refused = self.with(token).get(MINE).await;
        assert_eq!(refused.refusal(), "401 unauthenticated", "{what}");
        assert!(count() > before, "{what} is refused, but not as {reason}");
    }
}

const MINE: &str = "/v1/permissions/mine";

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "shop", "sub": "ada", "iat": NOW, "exp": NOW + 600, "roles": ["customer"]})
}

fn but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// The subject and the rules that are not only for what is one's own.
async fn shown(client: &Client) -> (String, Vec<String>) {
    let shown = client.get(MINE).await.expect(200).json();
    let rules = shown["data"].as_array().unwrap().iter().filter(|rule| rule["own"] == false);
    let names = rules.map(|rule| rule["name"].as_str().unwrap().to_owned());
    (shown["subject"].as_str().unwrap().to_owned(), names.collect())
}

/// Catches: an algorithm that is not taken, a claim that is demanded and that others don't write, and a subject that is
/// mistaken for one of ours.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_with_each_kind_of_key_are_taken() {
    let stage = Stage::set().await;
    stage.knows(&stage.issuer.keys()[0]).await;
    for key in stage.issuer.keys() {
        let client = stage.with(&key.token(&but("roles", json!(["support", "emperor", "customer"]))));
        let (subject, rules) = shown(&client).await;
        assert_eq!(subject, "ext:ada", "{}", key.algorithm());
        assert!(rules.contains(&"order.confirm".into()) && !rules.contains(&"operate".into()), "{rules:?}");
        client.get("/v1/orders").await.expect(200);
        // Fractions of seconds, and what may be there or not.
        let mut more = claims();
        (more["iat"], more["exp"]) = (json!(1_799_999_999.25), json!(1_800_000_600.75));
        (more["nbf"], more["jti"], more["aud"]) = (json!(1_799_999_999.5), json!("7"), json!(["x", "shop"]));
        shown(&stage.with(&key.token(&more))).await;
        for typ in [json!("at+jwt"), json!("application/at+jwt"), Value::Null] {
            let mut header = key.header();
            (header["typ"], header["x5t"]) = (typ, json!("AAAA"));
            shown(&stage.with(&key.signed(&header, &claims()))).await;
        }
    }
    // Ours are good beside them, and keep their subjects.
    assert_eq!(shown(&stage.app.customer("alice")).await.0, "alice");
}

/// Catches: a mapping that lets names through that are not in it, and a claim that is looked for at the top only.
#[tokio::test(flavor = "multi_thread")]
async fn roles_come_from_the_claim_and_by_the_map_of_the_settings() {
    let change = |config: &mut Config| {
        config.tokens.roles_claim = "realm_access.roles".into();
        config.tokens.role_map = [("shop-staff".to_owned(), "support".to_owned())].into();
        config.tokens.outside_subject_prefix = Some("staff/".into());
    };
    let stage = Stage::set_with(Issuer::start().await, change).await;
    let key = &stage.issuer.keys()[1];
    let with = |roles: Value| stage.with(&key.token(&but("realm_access", json!({ "roles": roles }))));
    stage.knows(key).await;
    let (subject, rules) = shown(&with(json!(["shop-staff", "admin", "operator"]))).await;
    assert_eq!(subject, "staff/ada");
    assert!(rules.contains(&"order.confirm".into()) && !rules.contains(&"operate".into()), "{rules:?}");
    // The claim of that name at the top is another one, and one that isn't there says nothing.
    assert!(shown(&stage.with(&key.token(&claims()))).await.1.is_empty());
    for wrong in [json!("shop-staff"), json!([1]), json!({"shop-staff": true})] {
        let token = key.token(&but("realm_access", json!({ "roles": wrong })));
        stage.refuses("roles of another form", &token, "bad_claims").await;
    }
    let long = "x".repeat(123);
    stage
        .refuses("a subject too long with its prefix", &key.token(&but("sub", json!(long))), "bad_claims")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_that_are_wrong_are_refused() {
    let stage = Stage::set().await;
    stage.knows(&stage.issuer.keys()[0]).await;
    for key in stage.issuer.keys() {
        for (name, value, reason) in [
            ("iss", json!("https://other.example"), "wrong_issuer_or_audience"),
            // Ours, which only our key may name.
            ("iss", json!("daybook"), "wrong_issuer_or_audience"),
            ("aud", json!("daybook"), "wrong_issuer_or_audience"),
            ("aud", json!(["x"]), "wrong_issuer_or_audience"),
            ("exp", json!(NOW - 60), "expired_or_not_yet_valid"),
            ("exp", json!(NOW + 400 * 86_400), "bad_claims"),
            ("exp", json!("1800000600"), "bad_claims"),
            ("nbf", json!(NOW + 60), "expired_or_not_yet_valid"),
            ("nbf", json!("soon"), "bad_claims"),
            ("iat", json!(NOW + 60), "expired_or_not_yet_valid"),
            ("sub", json!(""), "bad_claims"),
            ("sub", json!(" ada"), "bad_claims"),
            ("sub", json!(7), "bad_claims"),
        ] {
            let what = format!("{name} = {value}");
            stage.refuses(&what, &key.token(&but(name, value)), reason).await;
        }
        for name in ["iss", "aud", "sub", "exp", "iat"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            stage.refuses(&format!("without {name}"), &key.token(&claims), "bad_claims").await;
        }
    }
    // Nor may our key speak for the other issuer.
    let twin = stage.app.twin(|config| config.tokens.issuer = ISSUER.into()).await;
    let ours = twin.token("ada", &[Role::Admin]);
    stage.refuses("our key with their name", &ours, "wrong_issuer_or_audience").await;
}

/// A key of 1024 bits, and a token that is properly signed with it.
const WEAK: &str = concat!(
    "onh4Tjl8xxGhXfTM_2RF9G-4hV56SQzqL-eTV0A4gaqPofC2zCwu4DgfwpFWXT8fDfI6ltFq0OX_q0Otmqc_bL94Om88SzIc",
    "MsAfPpJ4_qyCCOjgeiY8WysCXyFYEytWx11Z4xD_6vSLWlccNO_ZgZBHqZrkkW9Zn8pPN1nqJdk",
);
const SIGNED_WEAKLY: &str = concat!(
    "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAid2VhayJ9.eyJpc3MiOiAiaHR0cHM6Ly9pc3N1ZXIuZXh",
    "hbXBsZSIsICJhdWQiOiAic2hvcCIsICJzdWIiOiAiYWRhIiwgImlhdCI6IDE4MDAwMDAwMDAsICJleHAiOiAxODAwMDAwNjA",
    "wLCAicm9sZXMiOiBbImN1c3RvbWVyIl19.IA4LsyyppLqAJjrH4BLlXTfK2sHIsbhnfqae3U6X3T2Ek2GVsWwfM5T4Xf8avK",
    "nMLRsF_HkKx3mKYhJBkeF01DW6zKQm-oHk2BgO8fl5BJOW_ZjwzbiWyHgmq6E1-Kgr5SyYfa6zIdiS0liwpGZIAg8xxO-o-Q",
    "oVvy3RB1yxgxQ",
);

/// Catches: RFC 8725's list of mix-ups, one by one.
#[tokio::test(flavor = "multi_thread")]
async fn signatures_that_are_none_are_refused() {
    let stage = Stage::set().await;
    let weak = json!({"kty": "RSA", "kid": "weak", "n": WEAK, "e": "AQAB"});
    stage.issuer.publish(stage.issuer.keys().iter().map(Key::jwk).chain([weak]));
    let [rsa, p256, ed] = stage.issuer.keys();
    stage.knows(rsa).await;
    stage.refuses("a key that is too short", SIGNED_WEAKLY, "unknown_key").await;

    // The public key as the secret of an HMAC, in each form that it is published in.
    let n = rsa.jwk()["n"].as_str().unwrap().as_bytes().to_vec();
    for secret in [rsa.der(), n, rsa.jwk().to_string().into_bytes()] {
        for alg in ["HS256", "RS256"] {
            let header = json!({"alg": alg, "typ": "JWT", "kid": rsa.id});
            let reason = if alg == "HS256" { "unacceptable_header" } else { "bad_signature" };
            stage.refuses("a secret", &with_secret(&header, &claims(), &secret), reason).await;
        }
    }
    for alg in ["none", "None", "", "HS256", "RS512", "PS256", "ES384"] {
        for key in [rsa, p256, ed] {
            let header = json!({"alg": alg, "typ": "JWT", "kid": key.id});
            stage.refuses(alg, &key.signed(&header, &claims()), "unacceptable_header").await;
            let unsigned = format!("{}.", message(&header, &claims()));
            stage.refuses(alg, &unsigned, "unacceptable_header").await;
        }
    }
    // The algorithm or the key of another kind, which the library would have to tell apart.
    for (key, other) in [(rsa, p256), (p256, ed), (ed, rsa), (rsa, ed), (p256, rsa), (ed, p256)] {
        let header = json!({"alg": other.algorithm(), "typ": "JWT", "kid": key.id});
        stage.refuses("another algorithm", &key.signed(&header, &claims()), "unacceptable_header").await;
        let forged = other.signed(&key.header(), &claims());
        let refused = stage.with(&forged).get(MINE).await;
        assert_eq!(refused.refusal(), "401 unauthenticated");
        let stripped = format!("{}.", message(&key.header(), &claims()));
        assert_eq!(stage.with(&stripped).get(MINE).await.refusal(), "401 unauthenticated");
    }
    let stranger = Key::ed25519(&ed.id);
    stage.refuses("a key of the same name", &stranger.token(&claims()), "bad_signature").await;
}

/// Catches: a server that asks an address that a stranger names.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_brings_its_key_makes_no_request() {
    let (stage, elsewhere) = (Stage::set().await, Issuer::start().await);
    stage.knows(&stage.issuer.keys()[0]).await;
    let forger = &elsewhere.keys()[0];
    for (name, value) in [
        ("jku", json!(elsewhere.jwks_url())),
        ("x5u", json!(format!("{}/cert", elsewhere.url()))),
        ("jwk", forger.jwk()),
        ("x5c", json!(["AAAA"])),
    ] {
        for (key, kid) in [(forger, "unknown"), (forger, "rsa-1"), (&stage.issuer.keys()[0], "rsa-1")] {
            let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid, (name): value});
            stage.refuses(name, &key.signed(&header, &claims()), "unacceptable_header").await;
        }
    }
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": format!("{}/jwks", elsewhere.url())});
    stage.refuses("an address as its id", &forger.signed(&header, &claims()), "unknown_key").await;
    let mut claims = claims();
    claims["iss"] = json!(elsewhere.url());
    stage.refuses("an address as its issuer", &forger.token(&claims), "bad_signature").await;
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
    assert!(stage.issuer.asked().iter().all(|path| path == "/jwks"));
}

/// Catches: a key that stays good after its issuer took it back, and an issuer that must be there first.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_those_that_the_issuer_publishes_now() {
    let issuer = Issuer::start().await;
    issuer.be_away(true);
    let stage = Stage::set_with(issuer, |_| {}).await;
    let [rsa, p256, _] = stage.issuer.keys();
    stage.refuses("a key of which nothing was heard yet", &rsa.token(&claims()), "unknown_key").await;
    stage.issuer.be_away(false);
    stage.knows(rsa).await;
    let (by_rsa, by_p256) = (stage.with(&rsa.token(&claims())), stage.with(&p256.token(&claims())));
    by_p256.get(MINE).await.expect(200);
    // What is known stays while nothing is heard.
    stage.issuer.be_away(true);
    let asked = stage.issuer.asked().len();
    until("it was asked in vain", async || stage.issuer.asked().len() > asked + 1).await;
    by_rsa.get(MINE).await.expect(200);
    // The key that takes its place has its name, and is of another kind.
    let other = Key::ed25519(&rsa.id);
    stage.issuer.publish([p256.jwk(), other.jwk()]);
    stage.issuer.be_away(false);
    until("the key has ended", async || by_rsa.get(MINE).await.status == 401).await;
    by_p256.get(MINE).await.expect(200);
    stage.with(&other.token(&claims())).get(MINE).await.expect(200);
    // A subject and a key of theirs can be revoked here, too.
    let revoke = async |what: Value| {
        let admin = stage.app.admin().with_token(stage.app.token("root", &[Role::Admin]));
        admin.post("/admin/revocations", json!({ "revoked": what })).await.expect(200);
    };
    revoke(json!({ "subject": "ext:ada" })).await;
    stage.refuses("a subject that was revoked", &p256.token(&claims()), "revoked").await;
    let bob = but("sub", json!("bob"));
    stage.with(&p256.token(&bob)).get(MINE).await.expect(200);
    revoke(json!({ "key": p256.id })).await;
    stage.refuses("a key that was revoked", &p256.token(&bob), "revoked").await;
}
