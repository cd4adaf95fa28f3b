//! What RFC 9700 (Best Current Practice for OAuth 2.0 Security), section 2, asks of a client, point by point.

use std::fs;

use daybook_tests::{
    Issuer, Reply, TestApp,
    issuer::login::{CLIENT, SECRET},
    people::post,
    until,
};
use serde_json::json;
use url::Url;

use super::{
    outside::{agreed, house, of, server, with_providers},
    outside_pages::{led, page},
};
use crate::{
    faults::House,
    http::pages::{Browser, refusal},
};

const OUTSIDE: &str = "/account/outside/example";

/// Where the pages send a browser, and the answer that sends it.
async fn departed(browser: &mut Browser) -> (Reply, Url) {
    let reply = browser.send(OUTSIDE, &[]).await;
    let url = Url::parse(&led(&reply)).unwrap();
    (reply, url)
}

/// RFC 9700, section 2.1: redirects go to one exact address each, no page leads to an address that a request names, an attempt
/// is one transaction's and bound to the browser, and a client of several issuers knows which one answers.
#[tokio::test(flavor = "multi_thread")]
async fn protecting_redirect_based_flows() {
    let (issuer, other) = (Issuer::start().await, Issuer::start().await);
    let providers = [("example", &issuer), ("other", &other)];
    let app = TestApp::start_generous_with(|config| {
        with_providers(config, &providers);
        config.accounts.url = Some("https://shop.example/".into());
    })
    .await;
    let begun = async |provider: &str| {
        let reply = post(&app.anonymous, "/v1/sessions/outside", json!({"provider": provider})).await;
        let departure = reply.expect(201).json();
        (Url::parse(departure["url"].as_str().unwrap()).unwrap(), departure["attempt"].clone())
    };
    let (url, attempt) = begun("example").await;
    // "exact string matching": it is what the settings say, with nothing of the request in it, and another one for each issuer.
    assert_eq!(of(&url, "redirect_uri").unwrap(), "https://shop.example/account/outside/example");
    let (other_url, _) = begun("other").await;
    assert_eq!(of(&other_url, "redirect_uri").unwrap(), "https://shop.example/account/outside/other");
    // "one-time use CSRF tokens": no two attempts have the same.
    for name in ["state", "nonce", "code_challenge"] {
        let (again, _) = begun("example").await;
        assert_ne!(of(&url, name), of(&again, name), "{name}");
        assert!(of(&url, name).unwrap().len() >= 43, "{name} is long enough not to be guessed");
    }
    // "defense against mix-up attacks": another issuer's name, and none where the issuer gives one.
    let back = agreed(url.as_str()).await;
    for iss in [json!(other.url()), json!(null)] {
        let (url, attempt) = begun("example").await;
        let back = agreed(url.as_str()).await;
        let body =
            json!({"attempt": attempt, "state": of(&back, "state"), "code": of(&back, "code"), "iss": iss});
        let asked = other.asked().len();
        let refused = post(&app.anonymous, "/v1/sessions/outside/completion", body).await;
        assert_eq!(refused.refusal(), "422 invalid_attempt");
        assert_eq!(other.asked().len(), asked, "no code goes to another issuer");
    }
    // "MUST NOT expose URLs that forward the user's browser to arbitrary URIs": nothing that comes back leads anywhere.
    for name in ["redirect", "redirect_uri", "next", "return_to", "url"] {
        let more = format!("{}&{name}=https%3A%2F%2Fevil.example", back.query().unwrap());
        let reply = app.anonymous.get(&format!("{}?{more}", back.path())).await;
        assert!(reply.header("location").is_none() && !reply.text().contains("evil.example"), "{name}");
    }
    let body = json!({"attempt": attempt, "state": of(&back, "state"), "code": of(&back, "code"),
        "iss": of(&back, "iss")});
    post(&app.anonymous, "/v1/sessions/outside/completion", body).await.expect(201);
}

/// RFC 9700, sections 2.1.1, 2.1.2, 2.3, 2.4 and 2.5: a code with PKCE by S256, never a token in an answer; no more than who
/// someone is is asked for; no password of the other issuer is ever seen; the client shows who it is.
#[tokio::test(flavor = "multi_thread")]
async fn the_grant_that_is_used_and_what_is_asked_for() {
    let (app, issuer) = house().await;
    let (_, url) = departed(&mut Browser::new(&app)).await;
    for (name, value) in [
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        ("scope", "openid email"),
        ("client_id", CLIENT),
    ] {
        assert_eq!(of(&url, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(of(&url, "code_challenge").unwrap().len(), 43, "a hash, and not the verifier");
    assert_eq!(of(&url, "response_mode"), None);
    let names: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
    assert!(!names.iter().any(|name| name.contains("secret") || name.contains("verifier")), "{names:?}");
    // Section 2.6: what the issuer says of itself is where people and codes go.
    assert!(url.as_str().starts_with(&format!("{}/authorize?", issuer.url())), "{url}");
    assert_eq!(issuer.asked(), ["/.well-known/openid-configuration"]);
}

/// RFC 9700, sections 4.2 and 4.3: neither code nor attempt is kept by a cache, sent on as a referrer, or shown.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_by_pages() {
    let (app, _issuer) = house().await;
    let mut browser = Browser::new(&app);
    let (gone, url) = departed(&mut browser).await;
    let attempt = browser.cookies["daybook-attempt"].clone();
    let back = agreed(url.as_str()).await;
    let path = page(&back);
    let refused = Browser::new(&app).look(&path).await;
    assert_eq!(refusal(&refused), "422 invalid_attempt");
    let code = of(&back, "code").unwrap();
    for reply in [gone, refused, browser.look(&path).await] {
        let text = reply.text();
        assert_eq!(reply.header("cache-control"), Some("no-store"), "{text}");
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"), "{text}");
        assert!(text.contains("<meta name=\"referrer\" content=\"no-referrer\">"), "{text}");
        assert!(!text.contains(&code) && !text.contains(&attempt), "{text}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
    let begun = post(&app.anonymous, "/v1/sessions/outside", json!({"provider": "example"})).await;
    assert_eq!(begun.expect(201).header("cache-control"), Some("no-store"));
}

/// Catches: a code, a verifier or a secret in the log of a server that tells all that it can.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_by_logs() {
    let (house, issuer) = (House::new().await, Issuer::start().await);
    let mut server =
        server(&house, &issuer).with("log.filter", "debug,daybook_core=trace,daybook_http=trace");
    server.start();
    let client = server.api(&house.client);
    let mut secrets = vec![SECRET.to_owned()];
    for is_known in [true, false] {
        let begun = post(&client, "/v1/sessions/outside", json!({"provider": "example"})).await;
        let begun = begun.expect(201).json();
        let back = agreed(begun["url"].as_str().unwrap()).await;
        let code = if is_known { of(&back, "code").unwrap() } else { "code-of-another-one".to_owned() };
        // By the page, which has nothing to do with this attempt, and then as it is meant.
        let path = back.query().unwrap().replace(&of(&back, "code").unwrap(), &code);
        assert_eq!(client.get(&format!("{OUTSIDE}?{path}")).await.status, 422);
        let body = json!({"attempt": begun["attempt"], "state": of(&back, "state"), "code": code, "iss": of(&back, "iss")});
        let reply = post(&client, "/v1/sessions/outside/completion", body).await;
        if is_known {
            let tokens = reply.expect(201).json();
            secrets.extend(
                ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap().to_owned()),
            );
        } else {
            assert_eq!(reply.refusal(), "422 refused_elsewhere");
        }
        secrets.extend([code, of(&back, "state").unwrap(), begun["attempt"].as_str().unwrap().to_owned()]);
    }
    secrets.push("ada@example.com".to_owned());
    let log = || fs::read_to_string(house.home.path().join("api.log")).unwrap();
    until("the requests are in the log", async || log().contains("/v1/sessions/outside/completion")).await;
    let log = log();
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret}");
    }
}
