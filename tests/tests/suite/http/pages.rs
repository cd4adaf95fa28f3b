//! The pages of accounts, as a browser walks through them: forms, cookies, and nothing else.

use std::collections::BTreeMap;

use data_encoding::BASE32_NOPAD;
use daybook_core::identity::totp::{STEP_S, code};
use daybook_tests::{Client, Reply, TestApp, people::PASSWORD};
use reqwest::Method;

const ALICE: &str = "alice@example.com";
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// It keeps cookies, and says where its forms are from.
pub struct Browser {
    client: Client,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(app: &TestApp) -> Self {
        Self { client: app.anonymous.clone(), cookies: BTreeMap::new() }
    }

    pub async fn look(&mut self, path: &str) -> Reply {
        self.ask(Method::GET, path, None).await
    }

    pub async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.ask(Method::POST, path, Some(fields)).await
    }

    async fn ask(&mut self, method: Method, path: &str, fields: Option<&[(&str, &str)]>) -> Reply {
        let mut request = self.client.request(method, path).header("accept", "text/html,*/*;q=0.8");
        if !self.cookies.is_empty() {
            request = request.header("cookie", self.header());
        }
        if let Some(fields) = fields {
            request = request.header("sec-fetch-site", "same-origin");
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        let reply = self.client.send(request).await;
        for line in reply.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let sites = if line.starts_with("daybook-attempt=") { "Lax" } else { "Strict" };
            let ends = format!("; HttpOnly; SameSite={sites}");
            assert!(line.contains("; Path=/; ") && line.ends_with(&ends), "{line}");
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            if line.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    fn header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Registers, verifies the address and logs in, all by pages.
    pub async fn arrive(&mut self, app: &TestApp, name: &str) {
        let fields = [("email", ALICE), ("password", PASSWORD), ("name", name)];
        leads_to(&self.send("/account/register", &fields).await, "/account/verification");
        let token = app.link_to(ALICE, "confirm").await;
        self.send("/account/verification", &[("token", &token)]).await.expect(200);
        leads_to(&self.log_in().await, "/account");
    }

    pub async fn log_in(&mut self) -> Reply {
        self.send("/account/log-in", &[("email", ALICE), ("password", PASSWORD)]).await
    }
}

#[track_caller]
pub fn leads_to(reply: &Reply, place: &str) {
    assert_eq!((reply.status, reply.header("location")), (303, Some(place)), "{}", reply.text());
}

/// `status code` of a page that tells a problem.
#[track_caller]
pub fn refusal(reply: &Reply) -> String {
    let page = reply.text();
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"), "{page}");
    let alert = between(&page, "role=\"alert\"", ">");
    format!("{} {}", reply.status, between(alert, "data-code=\"", "\""))
}

#[track_caller]
pub fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let rest = text.split_once(begin).unwrap_or_else(|| panic!("no {begin} in {text}")).1;
    rest.split_once(end).unwrap_or_else(|| panic!("no {end} behind {begin}")).0
}

/// Catches: a session that goes on after it was ended from elsewhere, a name that becomes markup, cookies that a look
/// changes, and a page that a browser may load anything for.
#[tokio::test(flavor = "multi_thread")]
async fn someone_registers_logs_in_and_ends_a_session() {
    let app = TestApp::start_generous().await;
    let (mut here, mut there) = (Browser::new(&app), Browser::new(&app));
    leads_to(&here.look("/account").await, "/account/log-in");
    here.arrive(&app, "<b>Alice</b>").await;
    leads_to(&there.log_in().await, "/account");
    let before = here.cookies.clone();
    let account = here.look("/account").await.expect(200);
    assert_eq!(here.cookies, before, "a look uses nothing up");
    assert_eq!(account.header("content-security-policy"), Some(POLICY));
    assert_eq!(account.header("cache-control"), Some("no-store"));
    let page = account.text();
    assert!(page.contains("&lt;b&gt;Alice&lt;/b&gt;") && !page.contains("<b>Alice"), "{page}");
    assert!(!page.contains(PASSWORD) && page.contains(ALICE) && page.contains("logged in"), "{page}");
    // The session of the other browser, which is the one that isn't here.
    let sessions = between(&page, "Where you are logged in", "</ul>");
    assert_eq!(sessions.matches("<strong>Here</strong>").count(), 1, "{sessions}");
    let other = sessions.split("<li>").skip(1).find(|item| !item.contains("<strong>Here")).unwrap();
    let end = between(other, "action=\"", "\"").to_owned();
    leads_to(&here.send(&end, &[]).await, "/account");
    assert_eq!(refusal(&here.send(&end, &[]).await), "404 not_found");
    leads_to(&there.look("/account").await, "/account/log-in");
    assert!(!there.cookies.keys().any(|name| name != "daybook-device"), "{:?}", there.cookies);
    here.look("/account").await.expect(200);
    leads_to(&here.send("/account/log-out", &[]).await, "/account/log-in");
    leads_to(&here.look("/account").await, "/account/log-in");
}

/// Catches: a page that uses up a refresh token each time, and one that logs out when the access token is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_when_its_access_token_is_over() {
    let app = TestApp::start_generous().await;
    let mut browser = Browser::new(&app);
    browser.arrive(&app, "Alice").await;
    let before = browser.cookies.clone();
    app.advance(3_600);
    let mut twin = Browser { client: browser.client.clone(), cookies: before.clone() };
    browser.look("/account").await.expect(200);
    assert_ne!(browser.cookies["daybook"], before["daybook"]);
    assert_ne!(browser.cookies["daybook-access"], before["daybook-access"]);
    // Who loses the race is given the same next ones.
    twin.look("/account").await.expect(200);
    assert_eq!(twin.cookies["daybook"], browser.cookies["daybook"]);
}

/// Catches: a form that another site sends, one that only seems to be from here, and a JSON API that takes cookies.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_count_at_pages_only_and_forms_from_pages_only() {
    let app = TestApp::start_generous().await;
    let mut browser = Browser::new(&app);
    browser.arrive(&app, "Alice").await;
    let origin = app.anonymous.base().to_owned();
    for (header, value, is_ours) in [
        ("sec-fetch-site", "cross-site", false),
        ("sec-fetch-site", "same-site", false),
        ("origin", "https://evil.example", false),
        ("origin", "null", false),
        ("x-nothing", "", false),
        ("origin", &*origin, true),
    ] {
        let request = app.anonymous.request(Method::POST, "/account/log-out").header(header, value);
        let reply = app.anonymous.send(request.header("cookie", browser.header())).await;
        match is_ours {
            true => leads_to(&reply, "/account/log-in"),
            false => assert_eq!(refusal(&reply), "403 forbidden", "{header}: {value}"),
        }
        if !is_ours {
            browser.look("/account").await.expect(200);
        }
    }
    leads_to(&browser.log_in().await, "/account");
    for path in ["/v1/accounts/me", "/v1/sessions"] {
        let request = app.anonymous.request(Method::GET, path).header("cookie", browser.header());
        assert_eq!(app.anonymous.send(request).await.refusal(), "401 unauthenticated", "{path}");
    }
    // Nor is a token that is of no log-in a cookie.
    let minted = app.token("acc_019b0000000070008000000000000001", &[]);
    let request = app.anonymous.request(Method::GET, "/account");
    let reply = app.anonymous.send(request.header("cookie", format!("daybook-access={minted}"))).await;
    leads_to(&reply, "/account/log-in");
}

/// Catches: a form that is read leniently, and a problem that a person would see as JSON.
#[tokio::test(flavor = "multi_thread")]
async fn problems_are_pages() {
    let app = TestApp::start_generous().await;
    let mut browser = Browser::new(&app);
    let log_in = "/account/log-in";
    for (fields, expected) in [
        (&[("email", ALICE), ("password", PASSWORD), ("colour", "red")][..], "422 validation_failed"),
        (&[("email", ALICE), ("email", ALICE), ("password", PASSWORD)], "422 validation_failed"),
        (&[("email", "no address"), ("password", PASSWORD)], "422 validation_failed"),
        (&[("email", ALICE), ("password", "")], "422 validation_failed"),
        (&[("email", ALICE), ("password", "another guess at it")], "401 invalid_credentials"),
    ] {
        let reply = browser.send(log_in, fields).await;
        assert_eq!(refusal(&reply), expected, "{fields:?}");
        assert!(reply.text().contains("aria-describedby=\"problem\""), "{}", reply.text());
    }
    let weak = [("email", ALICE), ("password", "password1")];
    assert_eq!(refusal(&browser.send("/account/register", &weak).await), "422 weak_password");
    let bad = browser.send("/account/verification", &[("token", "dlt_\"><i>")]).await;
    assert_eq!(refusal(&bad), "422 invalid_link");
    assert!(!bad.text().contains("<i>"), "{}", bad.text());
    assert_eq!(refusal(&browser.look("/account/nothing").await), "404 not_found");
    assert_eq!(refusal(&browser.look("/account?colour=red").await), "400 unknown_parameter");
    assert_eq!(refusal(&browser.look("/account/log-out").await), "405 method_not_allowed");
    let json = app.anonymous.request(Method::POST, log_in).header("sec-fetch-site", "same-origin");
    let json = app.anonymous.send(json.json(&serde_json::json!({"email": ALICE}))).await;
    assert_eq!(refusal(&json), "415 unsupported_media_type");
}

/// Catches: a password in a page, a second factor that a page forgets, and a reset that leaves sessions.
#[tokio::test(flavor = "multi_thread")]
async fn someone_turns_a_second_factor_on_logs_in_with_it_and_chooses_another_password() {
    let app = TestApp::start_generous().await;
    let mut browser = Browser::new(&app);
    browser.arrive(&app, "Alice").await;
    let factor = "/account/second-factor";
    let begun = browser.send(factor, &[("step", "begin")]).await.expect(200).text();
    let secret = BASE32_NOPAD.decode(between(&begun, "secret=", "&").as_bytes()).unwrap();
    assert!(begun.contains("otpauth://totp/"), "{begun}");
    let wrong = browser.send(factor, &[("step", "confirm"), ("code", "000000")]).await;
    assert_eq!(refusal(&wrong), "422 invalid_code");
    let now = || code(&secret, app.now().timestamp() / STEP_S);
    let codes = browser.send(factor, &[("step", "confirm"), ("code", &now())]).await.expect(200).text();
    assert_eq!(codes.matches("<li><code>").count(), 10, "{codes}");
    leads_to(&browser.send("/account/log-out", &[]).await, "/account/log-in");
    let asked = browser.log_in().await;
    assert_eq!(refusal(&asked), "401 second_factor_required");
    let asked = asked.text();
    assert!(asked.contains("name=\"code\"") && asked.contains("name=\"password\""), "{asked}");
    assert!(!asked.contains(PASSWORD), "{asked}");
    app.advance(STEP_S);
    let fields = [("email", ALICE), ("password", PASSWORD), ("code", &now())];
    leads_to(&browser.send("/account/log-in", &fields).await, "/account");
    // Long after that it is asked again who it is.
    app.advance(1_200);
    let refused = browser.send(factor, &[("step", "remove")]).await;
    assert_eq!(refusal(&refused), "401 confirmation_required");
    let fields = [("password", PASSWORD), ("code", &now())];
    leads_to(&browser.send("/account/confirmation", &fields).await, factor);
    leads_to(&browser.send(factor, &[("step", "remove")]).await, factor);
    assert!(browser.look(factor).await.expect(200).text().contains("It is off"));
    leads_to(&browser.send("/account/forgotten", &[("email", ALICE)]).await, "/account/reset");
    let token = app.link_to(ALICE, "/account/reset").await;
    let fields = [("token", &*token), ("password", "quite another battery staple")];
    browser.send("/account/reset", &fields).await.expect(200);
    leads_to(&browser.look("/account").await, "/account/log-in");
    assert_eq!(refusal(&browser.log_in().await), "401 invalid_credentials");
}
