//! Logging in at other issuers, as a browser does it by the pages.

use daybook_tests::{Reply, TestApp, people::post};
use serde_json::json;
use url::Url;

use super::{
    factors::{shown, with_second_factor_of},
    outside::{self, ADA, BEGIN, FINISH, agreed, house, of},
};
use crate::http::pages::{Browser, between, leads_to, refusal};

const OUTSIDE: &str = "/account/outside/example";
const IDENTITIES: &str = "/account/identities";

/// Where a page leads on to.
#[track_caller]
pub fn led(reply: &Reply) -> String {
    let page = reply.text();
    assert_eq!(reply.status, 200, "{page}");
    let to = between(&page, "<meta http-equiv=\"refresh\" content=\"0;url=", "\"").replace("&amp;", "&");
    // The same by a link, for a browser that doesn't follow.
    assert_eq!(between(&page, "<p><a href=\"", "\"").replace("&amp;", "&"), to);
    to
}

/// The page to which the person comes back who has agreed there.
pub fn page(back: &Url) -> String {
    format!("{}?{}", back.path(), back.query().unwrap_or_default())
}

/// The person goes there, agrees, and is sent back to this page.
async fn gone(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> String {
    let to = led(&browser.send(path, fields).await);
    page(&agreed(&to).await)
}

async fn logged_in(app: &TestApp) -> Browser {
    let mut browser = Browser::new(app);
    let back = gone(&mut browser, OUTSIDE, &[]).await;
    assert_eq!(led(&browser.look(&back).await), "/account");
    browser
}

/// Catches: a label that becomes markup, a browser that isn't logged in behind it, and an attempt that is left over.
#[tokio::test(flavor = "multi_thread")]
async fn someone_logs_in_elsewhere_by_the_pages() {
    let (app, _issuer) = house().await;
    let mut browser = Browser::new(&app);
    let form = browser.look("/account/log-in").await.expect(200).text();
    assert!(form.contains("action=\"/account/outside/example\""), "{form}");
    assert!(form.contains("Log in with The &lt;Example&gt;"), "{form}");
    let mut browser = logged_in(&app).await;
    assert!(!browser.cookies.contains_key("daybook-attempt"), "{:?}", browser.cookies);
    let account = browser.look("/account").await.expect(200).text();
    assert!(account.contains(ADA) && account.contains("identity linked"), "{account}");
    let linked = browser.look(IDENTITIES).await.expect(200).text();
    assert!(linked.contains("example, as ada@example.com"), "{linked}");
    let end = between(&linked, &format!("action=\"{IDENTITIES}/"), "\"").to_owned();
    let last = browser.send(&format!("{IDENTITIES}/{end}"), &[]).await;
    assert_eq!(refusal(&last), "409 last_way_in");
}

/// Catches: someone whose browser is logged in to the account of another, and an answer that is good twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_taken_in_the_browser_that_began() {
    let (app, _issuer) = house().await;
    let (mut mallory, mut alice) = (Browser::new(&app), Browser::new(&app));
    let back = gone(&mut mallory, OUTSIDE, &[]).await;
    assert_eq!(refusal(&alice.look(&back).await), "422 invalid_attempt");
    // Nor one that has begun something of its own.
    let own = gone(&mut alice, OUTSIDE, &[]).await;
    assert_eq!(refusal(&alice.look(&back).await), "422 invalid_attempt");
    let elsewhere = own.replace("/example?", "/other?");
    assert_eq!(refusal(&alice.look(&elsewhere).await), "422 invalid_attempt");
    let kept = alice.cookies.clone();
    assert_eq!(led(&alice.look(&own).await), "/account");
    alice.cookies = kept;
    assert_eq!(refusal(&alice.look(&own).await), "422 invalid_attempt");
    // Another site can't begin it, either.
    let request = app.anonymous.request(reqwest::Method::POST, OUTSIDE);
    let foreign = app.anonymous.send(request.header("sec-fetch-site", "cross-site")).await;
    assert_eq!(refusal(&foreign), "403 forbidden");
    assert_eq!(foreign.header("set-cookie"), None);
}

/// Catches: what a page keeps in a cookie that no script reads, taken from a front end, and the reverse.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_finished_where_it_was_begun() {
    let (app, _issuer) = house().await;
    let mut browser = Browser::new(&app);
    let back = gone(&mut browser, OUTSIDE, &[]).await;
    let back = Url::parse(&format!("{}{back}", app.anonymous.base())).unwrap();
    let mut body = json!({"attempt": browser.cookies["daybook-attempt"]});
    for name in ["state", "code", "iss"] {
        body[name] = of(&back, name).unwrap().into();
    }
    assert_eq!(post(&app.anonymous, FINISH, body).await.refusal(), "422 invalid_attempt");
    let body = outside::gone(&app.anonymous, BEGIN, "example").await;
    let said = |name: &str| body[name].as_str().unwrap().to_owned();
    browser.cookies.insert("daybook-attempt".into(), said("attempt"));
    let query = ["state", "code", "iss"].map(|name| format!("{name}={}", said(name))).join("&");
    assert_eq!(refusal(&browser.look(&format!("{OUTSIDE}?{query}")).await), "422 invalid_attempt");
}

/// Catches: a page that lets someone in without the account's second factor.
#[tokio::test(flavor = "multi_thread")]
async fn the_code_is_asked_for_on_a_page_of_its_own() {
    let (app, _issuer) = house().await;
    let (_, secret, _) = with_second_factor_of(&app, ADA).await;
    let mut browser = Browser::new(&app);
    let back = gone(&mut browser, OUTSIDE, &[]).await;
    let code = "/account/outside-code";
    leads_to(&browser.look(&back).await, code);
    assert!(!browser.cookies.contains_key("daybook"), "{:?}", browser.cookies);
    let form = browser.look(code).await.expect(200).text();
    assert!(form.contains("name=\"code\"") && !form.contains("code-1"), "{form}");
    assert_eq!(refusal(&browser.send(code, &[("code", "000000")]).await), "401 invalid_credentials");
    app.advance(daybook_core::identity::totp::STEP_S);
    leads_to(&browser.send(code, &[("code", &shown(&app, &secret))]).await, "/account");
    browser.look("/account").await.expect(200);
    assert_eq!(refusal(&browser.send(code, &[("code", "000000")]).await), "422 invalid_attempt");
}

/// Catches: a link without a proof of who it is that is not old, and one that needs the session's cookies, which aren't sent
/// when another site leads back.
#[tokio::test(flavor = "multi_thread")]
async fn someone_who_is_logged_in_links_a_log_in_elsewhere() {
    let (app, issuer) = house().await;
    issuer.say(serde_json::json!({"email_verified": false}));
    let mut browser = Browser::new(&app);
    browser.arrive(&app, "Alice").await;
    app.advance(599);
    browser.look("/account").await.expect(200);
    app.advance(2);
    let fields = [("provider", "example")];
    let asked = browser.send(IDENTITIES, &fields).await;
    assert_eq!(refusal(&asked), "401 confirmation_required");
    assert!(asked.text().contains("name=\"then\" value=\"identities\""), "{}", asked.text());
    issuer.say(serde_json::json!({"email_verified": false, "iat": app.now().timestamp(),
        "exp": app.now().timestamp() + 300}));
    let proof = [("password", daybook_tests::people::PASSWORD), ("then", "identities")];
    leads_to(&browser.send("/account/confirmation", &proof).await, IDENTITIES);
    let back = gone(&mut browser, IDENTITIES, &fields).await;
    let mut led_back = Browser::new(&app);
    led_back.cookies.insert("daybook-attempt".into(), browser.cookies["daybook-attempt"].clone());
    assert_eq!(led(&led_back.look(&back).await), IDENTITIES);
    assert!(!led_back.cookies.contains_key("daybook"), "{:?}", led_back.cookies);
    let linked = browser.look(IDENTITIES).await.expect(200).text();
    assert!(linked.contains("example, as ada@example.com"), "{linked}");
    let mut elsewhere = Browser::new(&app);
    let back = gone(&mut elsewhere, OUTSIDE, &[]).await;
    assert_eq!(led(&elsewhere.look(&back).await), "/account");
    let account = elsewhere.look("/account").await.expect(200).text();
    assert!(account.contains("alice@example.com"), "{account}");
    let end = between(&linked, &format!("action=\"{IDENTITIES}/"), "\"").to_owned();
    leads_to(&browser.send(&format!("{IDENTITIES}/{end}"), &[]).await, IDENTITIES);
    assert!(browser.look(IDENTITIES).await.expect(200).text().contains("You log in here only."));
}
