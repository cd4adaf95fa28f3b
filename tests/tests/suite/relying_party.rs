//! Log-ins at another issuer, without a server of ours: the flow itself, and each way in which it could be taken over.

use daybook_core::auth::{
    Refused,
    relying_party::{Attempt, Callback, Identity, LoginError, Registration, RelyingParty},
};
use daybook_tests::{
    Issuer,
    issuer::login::{CLIENT, NOW, SECRET},
};
use serde_json::{Value, json};
use url::Url;

const BACK: &str = "https://shop.example/back";

fn party(issuer: &Issuer) -> RelyingParty {
    with(issuer, |_| {})
}

fn with(issuer: &Issuer, change: impl FnOnce(&mut Registration)) -> RelyingParty {
    let mut registration = Registration {
        issuer: issuer.url().to_owned(),
        client_id: CLIENT.into(),
        client_secret: Some(SECRET.into()),
        redirect_uri: BACK.into(),
        scopes: vec!["email".into()],
    };
    change(&mut registration);
    RelyingParty::new(registration).unwrap()
}

/// The person agrees, and is sent back with this.
async fn agreed(url: &Url) -> Callback {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.get(url.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 302, "{url}");
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with(BACK), "{location}");
    let back = Url::parse(location).unwrap();
    let of = |wanted: &str| {
        let mut pairs = back.query_pairs();
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    Callback { state: of("state"), code: of("code"), iss: of("iss"), error: of("error") }
}

async fn begun(party: &RelyingParty) -> (Attempt, Callback) {
    let (url, attempt) = party.begin().await.unwrap();
    let callback = agreed(&url).await;
    (attempt, callback)
}

#[tokio::test]
async fn who_logs_in_is_who_the_issuer_says() {
    let issuer = Issuer::start().await;
    let party = party(&issuer);
    let (attempt, callback) = begun(&party).await;
    let identity = party.finish(&attempt, &callback, NOW).await.unwrap();
    let ada = Identity {
        issuer: issuer.url().into(),
        subject: "ada".into(),
        email: Some("ada@example.com".into()),
        email_verified: true,
    };
    assert_eq!(identity, ada);
    // The code is good for once.
    let again = party.finish(&attempt, &callback, NOW).await;
    assert!(matches!(again, Err(LoginError::Grant)), "{again:?}");
    let asked = issuer.asked();
    let described = asked.iter().filter(|path| path.ends_with("openid-configuration")).count();
    assert_eq!(described, 1, "{asked:?}");
    // What isn't verified is not said to be.
    issuer.say(json!({"email_verified": null}));
    let (attempt, callback) = begun(&party).await;
    assert!(!party.finish(&attempt, &callback, NOW).await.unwrap().email_verified);
}

/// Catches: a code that is taken from another log-in, of another person or at another issuer.
#[tokio::test]
async fn an_answer_to_another_attempt_is_refused() {
    let issuer = Issuer::start().await;
    let party = party(&issuer);
    let ((attempt, callback), (other, others)) = (begun(&party).await, begun(&party).await);
    let refused = async |attempt: &Attempt, callback: Callback| {
        let asked = issuer.asked().len();
        let error = party.finish(attempt, &callback, NOW).await.unwrap_err();
        (error, issuer.asked().len() > asked)
    };
    assert!(matches!(refused(&attempt, others.clone()).await, (LoginError::State, false)));
    let nothing = Callback { state: None, ..callback.clone() };
    assert!(matches!(refused(&attempt, nothing).await, (LoginError::State, false)));
    for iss in [None, Some("https://evil.example".to_owned())] {
        let elsewhere = Callback { iss, ..callback.clone() };
        assert!(matches!(refused(&attempt, elsewhere).await, (LoginError::Issuer, false)));
    }
    let nothing = Callback { code: None, ..callback.clone() };
    assert!(matches!(refused(&attempt, nothing).await, (LoginError::Code, false)));
    let denied = Callback { error: Some("access_denied <b>".into()), ..callback.clone() };
    let (denied, _) = refused(&attempt, denied).await;
    assert!(matches!(&denied, LoginError::Denied(code) if code == "access_deniedb"), "{denied}");
    // Another one's code: the issuer refuses it, because its verifier is not ours.
    let injected = Callback { code: others.code.clone(), ..callback.clone() };
    assert!(matches!(refused(&attempt, injected).await, (LoginError::Grant, true)));
    let mixed = Attempt { nonce: other.nonce.clone(), ..attempt.clone() };
    let refused = party.finish(&mixed, &callback, NOW).await;
    assert!(matches!(refused, Err(LoginError::Token(Refused::Claims))), "{refused:?}");
}

#[tokio::test]
async fn an_id_token_that_is_not_for_us_now_is_refused() {
    let issuer = Issuer::start().await;
    let party = party(&issuer);
    for (members, why) in [
        (json!({"iss": "https://evil.example"}), Some(Refused::Elsewhere)),
        (json!({"aud": "other"}), Some(Refused::Elsewhere)),
        (json!({"aud": ["other"]}), Some(Refused::Elsewhere)),
        (json!({"aud": ["other", "third"], "azp": CLIENT}), Some(Refused::Elsewhere)),
        (json!({"aud": ["other", CLIENT]}), Some(Refused::Elsewhere)),
        (json!({"aud": ["other", CLIENT], "azp": "other"}), Some(Refused::Elsewhere)),
        (json!({"aud": ["other", CLIENT], "azp": CLIENT}), None),
        (json!({"aud": [CLIENT]}), None),
        (json!({"azp": "other"}), Some(Refused::Elsewhere)),
        (json!({"nonce": null}), Some(Refused::Claims)),
        (json!({"nonce": "x"}), Some(Refused::Claims)),
        (json!({"sub": ""}), Some(Refused::Claims)),
        (json!({"sub": null}), Some(Refused::Claims)),
        (json!({"exp": NOW - 60}), Some(Refused::Time)),
        (json!({"iat": NOW + 60}), Some(Refused::Time)),
        (json!({"iat": NOW - 700}), Some(Refused::Time)),
    ] {
        issuer.say(members.clone());
        let (attempt, callback) = begun(&party).await;
        let found = party.finish(&attempt, &callback, NOW).await;
        match (&found, why) {
            (Ok(_), None) => {}
            (Err(LoginError::Token(refused)), Some(why)) if *refused == why => {}
            _ => panic!("{members}: {found:?}"),
        }
    }
    // A key that the issuer doesn't publish any more.
    issuer.say(json!({}));
    let (attempt, callback) = begun(&party).await;
    issuer.publish(Vec::<Value>::new());
    let refused = party.finish(&attempt, &callback, NOW).await;
    assert!(matches!(refused, Err(LoginError::Token(Refused::UnknownKey))), "{refused:?}");
}

#[tokio::test]
async fn an_issuer_that_is_another_one_or_away_is_not_gone_to() {
    let issuer = Issuer::start().await;
    let other = with(&issuer, |registration| registration.issuer += "/");
    assert!(matches!(other.begin().await, Err(LoginError::Description(_))));
    let stranger = with(&issuer, |registration| registration.client_secret = Some("another".into()));
    let (attempt, callback) = begun(&stranger).await;
    assert!(matches!(stranger.finish(&attempt, &callback, NOW).await, Err(LoginError::Grant)));
    issuer.be_away(true);
    let refused = party(&issuer).begin().await;
    assert!(matches!(refused, Err(LoginError::Unavailable(_))), "{refused:?}");
}
