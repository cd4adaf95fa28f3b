use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::*;
use crate::entropy::ManualClock;

const NOW: i64 = 1_800_000_000;
const NOW_F: f64 = 1_800_000_000.0;

struct Fixture {
    key: SigningKey,
    verifier: Verifier,
    clock: ManualClock,
}

fn fixture() -> Fixture {
    let key = SigningKey::random();
    let clock = ManualClock::at(DateTime::from_timestamp(NOW, 0).expect("in range"));
    let keys = KeySet::new([&key.jwk]);
    let verifier = Verifier::new("daybook", "shop", keys, Clock::Manual(clock.clone()));
    Fixture { key, verifier, clock }
}

fn claims() -> Value {
    json!({"iss": "daybook", "aud": "shop", "sub": "alice", "exp": NOW + 60, "nbf": NOW, "iat": NOW,
           "jti": "1", "roles": ["customer"]})
}

impl Fixture {
    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "JWT", "kid": self.key.jwk.kid})
    }

    /// Properly signed, whatever it says.
    fn sign(&self, header: &Value, claims: &str) -> String {
        let part = |bytes: &str| URL_SAFE_NO_PAD.encode(bytes);
        let message = format!("{}.{}", part(&header.to_string()), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key.encoding, Algorithm::EdDSA)
            .expect("signs");
        format!("{message}.{signature}")
    }

    fn check(&self, token: &str) -> Result<Arc<Actor>, Refused> {
        self.verifier.verify(&Presented::new(token))
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = claims();
        claims[name] = value;
        self.sign(&self.header(), &claims.to_string())
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        header[name] = value;
        self.sign(&header, &claims().to_string())
    }
}

#[test]
fn a_token_ends_with_its_key() {
    let it = fixture();
    let presented = it.with_claim("jti", json!("1"));
    let presented = Presented::new(&presented);
    it.verifier.verify(&presented).expect("valid");
    assert!(it.verifier.remembered(&presented).is_some());
    it.verifier.replace_keys(KeySet::new([&SigningKey::random().jwk]));
    assert!(it.verifier.remembered(&presented).is_none());
    assert_eq!(it.verifier.verify(&presented).expect_err("no key"), Refused::UnknownKey);
}

/// Whether it is remembered or not.
#[test]
fn a_revoked_token_has_ended_and_no_other() {
    let revocations = |it: &Fixture| {
        [Revoked::Token(value("1")), Revoked::Subject(value("alice")), Revoked::Key(value(&it.key.jwk.kid))]
    };
    for which in 0..3 {
        let it = fixture();
        let (ended, other) = (it.with_claim("jti", json!("1")), {
            let mut claims = claims();
            (claims["jti"], claims["sub"]) = (json!("2"), json!("bob"));
            it.sign(&it.header(), &claims.to_string())
        });
        let (ended, other) = (Presented::new(&ended), Presented::new(&other));
        for token in [&ended, &other] {
            it.verifier.verify(token).expect("valid");
        }
        it.verifier.revoke([(revocations(&it)[which].clone(), NOW)]);
        assert!(it.verifier.remembered(&ended).is_none(), "{which}");
        assert_eq!(it.verifier.verify(&ended).expect_err("revoked"), Refused::Revoked);
        let all_of_the_key = which == 2;
        assert_eq!(it.verifier.remembered(&other).is_none(), all_of_the_key, "{which}");
    }
}

#[test]
fn a_subject_whose_tokens_were_revoked_can_get_new_ones() {
    let it = fixture();
    it.verifier.revoke([(Revoked::Subject(value("alice")), NOW - 1)]);
    assert!(it.check(&it.with_claim("iat", json!(NOW))).is_ok());
    assert_eq!(it.check(&it.with_claim("iat", json!(NOW - 1))).expect_err("of before"), Refused::Revoked);
}

#[test]
fn nobody_has_a_token_for_longer_than_revocations_are_kept() {
    let it = fixture();
    assert!(it.check(&it.with_claim("exp", json!(NOW + MAX_LIFETIME_S))).is_ok());
    let longer = it.with_claim("exp", json!(NOW + MAX_LIFETIME_S + 1));
    assert_eq!(it.check(&longer).expect_err("too long"), Refused::Claims);
}

#[test]
fn a_token_that_was_minted_is_valid() {
    let fixture = fixture();
    let grant = Grant { subject: "alice", roles: &[Role::Support], ttl: Duration::from_secs(60) };
    let token = fixture.key.mint("daybook", "shop", fixture.verifier.clock.now(), &grant);
    let actor = fixture.check(&token).expect("valid");
    assert_eq!(*actor, Actor::person("alice", [Role::Support]));
}

#[test]
fn a_remembered_token_expires_all_the_same() {
    let fixture = fixture();
    let token = fixture.sign(&fixture.header(), &claims().to_string());
    fixture.check(&token).expect("valid");
    assert!(fixture.verifier.remembered(&Presented::new(&token)).is_some());
    fixture.clock.advance(TimeDelta::seconds(60 + TOLERANCE_S));
    assert!(fixture.verifier.remembered(&Presented::new(&token)).is_none());
    assert_eq!(fixture.check(&token), Err(Refused::Time));
}

#[test]
fn times_may_have_fractions() {
    let fixture = fixture();
    for (name, time) in [("exp", NOW_F + 59.5), ("nbf", NOW_F - 0.5), ("iat", NOW_F + 0.25)] {
        assert!(fixture.check(&fixture.with_claim(name, json!(time))).is_ok(), "{name}");
    }
}

#[test]
fn a_role_that_is_not_known_gives_nothing() {
    let fixture = fixture();
    let token = fixture.with_claim("roles", json!(["emperor", "support"]));
    let actor = fixture.check(&token).expect("the token is good");
    assert_eq!(*actor, Actor::person("alice", [Role::Support]));
}

#[test]
fn both_names_of_the_algorithm_are_taken() {
    let fixture = fixture();
    for alg in ["EdDSA", "Ed25519"] {
        assert!(fixture.check(&fixture.with_header("alg", json!(alg))).is_ok(), "{alg}");
    }
}

#[test]
fn a_claim_that_is_wrong_is_refused() {
    let fixture = fixture();
    let late = NOW + TOLERANCE_S + 1;
    for (name, value, why) in [
        ("iss", json!("evil"), Refused::Elsewhere),
        ("iss", Value::Null, Refused::Claims),
        ("aud", json!("other"), Refused::Elsewhere),
        ("aud", json!(["other"]), Refused::Elsewhere),
        ("sub", json!(""), Refused::Claims),
        ("sub", json!("x".repeat(129)), Refused::Claims),
        ("sub", json!("a\u{0}b"), Refused::Claims),
        ("sub", json!(7), Refused::Claims),
        ("exp", json!((NOW + 60).to_string()), Refused::Claims),
        ("exp", json!(NOW - TOLERANCE_S), Refused::Time),
        ("exp", json!(1e300), Refused::Claims),
        ("exp", json!(NOW_F - 30.5), Refused::Time),
        ("nbf", json!(late), Refused::Time),
        ("iat", json!(late), Refused::Time),
        ("jti", json!(""), Refused::Claims),
        ("roles", json!("admin"), Refused::Claims),
        ("roles", json!([1]), Refused::Claims),
    ] {
        assert_eq!(fixture.check(&fixture.with_claim(name, value.clone())), Err(why), "{name} = {value}");
    }
    assert!(fixture.check(&fixture.with_claim("aud", json!(["other", "shop"]))).is_ok());
}

#[test]
fn every_claim_is_required_once() {
    let fixture = fixture();
    for name in ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "roles"] {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(name);
        let token = fixture.sign(&fixture.header(), &claims.to_string());
        assert_eq!(fixture.check(&token), Err(Refused::Claims), "without {name}");
    }
    let twice = claims().to_string().replacen('{', r#"{"sub":"admin","#, 1);
    assert_eq!(fixture.check(&fixture.sign(&fixture.header(), &twice)), Err(Refused::Claims));
}

#[test]
fn a_header_that_is_wrong_is_refused() {
    let fixture = fixture();
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["AAAA"])),
        ("jwk", serde_json::to_value(&fixture.key.jwk).expect("serializes")),
        ("crit", json!(["exp"])),
        ("typ", json!("dpop+jwt")),
        ("kid", json!("unknown")),
        ("kid", Value::Null),
        ("alg", json!("none")),
        ("alg", json!("Ed448")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
    ] {
        assert!(fixture.check(&fixture.with_header(name, value.clone())).is_err(), "{name} = {value}");
    }
    for typ in ["at+jwt", "jwt"] {
        assert!(fixture.check(&fixture.with_header("typ", json!(typ))).is_ok(), "{typ}");
    }
}

#[test]
fn a_signature_of_another_kind_or_key_is_refused() {
    let fixture = fixture();
    let good = fixture.sign(&fixture.header(), &claims().to_string());
    let (message, _) = good.rsplit_once('.').expect("three parts");

    // The public key as an HMAC secret, under a header that still says EdDSA.
    let secret = jsonwebtoken::EncodingKey::from_secret(fixture.key.jwk.x.as_bytes());
    let hmac = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).expect("signs");
    let other = SigningKey::random();
    let forged = jsonwebtoken::crypto::sign(message.as_bytes(), &other.encoding, Algorithm::EdDSA);
    let stripped = format!("{message}.");
    let changed = fixture.with_claim("sub", json!("bob"));
    let (other_message, _) = changed.rsplit_once('.').expect("three parts");
    let (_, signature) = good.rsplit_once('.').expect("three parts");
    for bad in [
        format!("{message}.{hmac}"),
        format!("{message}.{}", forged.expect("signs")),
        format!("{other_message}.{signature}"),
        stripped,
        message.to_owned(),
        format!("{good}.x"),
        String::new(),
        "a.b.c".to_owned(),
        "x".repeat(MAX_TOKEN_BYTES + 1),
    ] {
        assert!(fixture.check(&bad).is_err(), "{bad}");
    }
}

fn value(text: &str) -> crate::auth::revoked::RevokedValue {
    text.to_owned().try_into().expect("it fits")
}
