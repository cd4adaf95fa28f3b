//! The console's page, its log-in, and what it asks beside what operators could see before.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp, people::PASSWORD, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::identity::factors::with_second_factor_of;

use super::{
    mails::order_with_mail,
    operators::rebuilt,
    orders::{order, place},
};

const OSCAR: &str = "oscar@example.com";
const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");

async fn ask(client: &Client, method: Method, path: &str, headers: &[(&str, &str)], body: Value) -> Reply {
    let mut request = client.request(method, path).json(&body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

/// The cookie that an answer leaves, as it is sent back, and all that is said of it.
fn left(reply: &Reply) -> (String, String) {
    let line = reply.header("set-cookie").expect("it leaves a cookie").to_owned();
    (line.split(';').next().unwrap_or_default().to_owned(), line)
}

async fn log_in(app: &TestApp, headers: &[(&str, &str)]) -> Reply {
    let body = json!({"email": OSCAR, "password": PASSWORD});
    ask(app.admin(), Method::POST, "/console/session", headers, body).await
}

async fn refresh(app: &TestApp, headers: &[(&str, &str)]) -> Reply {
    ask(app.admin(), Method::POST, "/console/session/refresh", headers, json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_loads_nothing_inline_and_nothing_from_elsewhere() {
    let app = TestApp::start().await;
    let page = app.admin().get("/console").await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]
        .into_iter()
        .chain(["form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{policy}");
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("etag").is_some() && page.header("set-cookie").is_none());
    let module = app.admin().get("/console/main.js").await.expect(200);
    assert_eq!(module.header("content-type"), Some("text/javascript; charset=utf-8"));
    app.admin().get("/console/nothing.js").await.expect(404);
    // It is for operators, who have a listener of their own.
    app.anonymous.get("/console").await.expect(404);
}

/// Catches: a refresh token that a script can see, and a session that goes on after a log-out.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_of_this_path_keeps_a_browser_logged_in() {
    let app = TestApp::start_generous().await;
    app.registered(OSCAR).await;
    assert_eq!(refresh(&app, &[SAME]).await.expect(200).json(), json!({"session": null}));
    let begun = log_in(&app, &[SAME]).await.expect(201);
    let (cookie, line) = left(&begun);
    assert!(cookie.starts_with("daybook-console=drt_"), "{line}");
    assert!(
        line.contains("; Path=/console/session; ") && line.ends_with("; HttpOnly; SameSite=Strict"),
        "{line}"
    );
    assert!(!begun.text().contains("drt_"), "the page is not told the refresh token");
    let mine = |reply: &Reply| {
        let token = reply.json()["access_token"].as_str().expect("a token").to_owned();
        app.admin().with_token(token)
    };
    let owner = mine(&begun);
    owner.get("/v1/permissions/mine").await.expect(200);
    assert_eq!(owner.get("/v1/sessions").await.expect(200).json()["data"][0]["current"], true);

    let gone_on = refresh(&app, &[SAME, ("cookie", &cookie)]).await.expect(200);
    let (next, _) = left(&gone_on);
    assert_ne!(next, cookie);
    assert_eq!(gone_on.json()["session"]["session"], begun.json()["session"]);

    let ended =
        ask(app.admin(), Method::DELETE, "/console/session", &[SAME, ("cookie", &next)], json!({})).await;
    assert!(left(&ended.expect(200)).1.contains("Max-Age=0"));
    assert_eq!(owner.get("/v1/permissions/mine").await.refusal(), "401 unauthenticated");
    let over = refresh(&app, &[SAME, ("cookie", &next)]).await.expect(200);
    assert_eq!((over.json(), left(&over).0.as_str()), (json!({"session": null}), "daybook-console="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_for() {
    let app = TestApp::start_generous().await;
    let (_, _, recovery) = with_second_factor_of(&app, OSCAR).await;
    let refused = log_in(&app, &[SAME]).await;
    assert_eq!(refused.refusal(), "401 second_factor_required");
    assert!(refused.header("set-cookie").is_none());
    let body = json!({"email": OSCAR, "password": PASSWORD, "code": recovery[0]});
    ask(app.admin(), Method::POST, "/console/session", &[SAME], body).await.expect(201);
}

/// Catches: another site that goes on with a session, or logs its visitor in or out.
#[tokio::test(flavor = "multi_thread")]
async fn another_site_can_do_nothing_with_the_cookie() {
    let app = TestApp::start_generous().await;
    app.registered(OSCAR).await;
    let (cookie, _) = left(&log_in(&app, &[SAME]).await.expect(201));
    let with = ("cookie", cookie.as_str());
    let host = app.admin().base().trim_start_matches("http://").to_owned();
    let (own, other) = (format!("http://{host}"), format!("http://{host}.evil.example"));
    for headers in [
        &[with][..],
        &[with, ("sec-fetch-site", "cross-site")],
        &[with, ("sec-fetch-site", "same-site")],
        &[with, ("origin", &other)],
        &[with, ("origin", "null")],
        &[with, ("sec-fetch-site", "cross-site"), ("origin", &own)],
    ] {
        for (method, path) in [
            (Method::POST, "/console/session/refresh"),
            (Method::DELETE, "/console/session"),
            (Method::POST, "/console/session"),
        ] {
            let body = if path.ends_with("refresh") || method == Method::DELETE {
                json!({})
            } else {
                json!({"email": OSCAR, "password": PASSWORD})
            };
            let reply = ask(app.admin(), method, path, headers, body).await;
            assert_eq!(reply.refusal(), "403 forbidden", "{path} {headers:?}");
            assert!(reply.header("set-cookie").is_none());
        }
    }
    assert!(!refresh(&app, &[with, ("origin", &own)]).await.expect(200).json()["session"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_the_cookie_is_sent_over_https_only() {
    let app = TestApp::start_generous().await;
    app.registered(OSCAR).await;
    let host = app.admin().base().trim_start_matches("http://").to_owned();
    let (cookie, line) = left(&log_in(&app, &[("origin", &format!("https://{host}"))]).await.expect(201));
    assert!(cookie.starts_with("__Secure-daybook-console=") && line.ends_with("; Secure"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_leaves_no_cookie() {
    let app = TestApp::start_generous().await;
    app.registered(OSCAR).await;
    let body = json!({"email": OSCAR, "password": "some other password"});
    let reply = ask(app.admin(), Method::POST, "/console/session", &[SAME], body).await;
    assert_eq!(reply.refusal(), "401 invalid_credentials");
    assert!(reply.header("set-cookie").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_is_read_page_by_page() {
    let app = TestApp::start().await;
    let operator = app.operator();
    for turn in 0..5 {
        let why = json!({"reason": format!("turn {turn}")});
        operator.post("/admin/projections/orders/pause", why).await.expect(200);
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let page =
            operator.get(&format!("/admin/audit?limit=2&actor=operator{after}")).await.expect(200).json();
        seen.extend(page["data"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let reasons: Vec<_> = seen.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["turn 4", "turn 3", "turn 2", "turn 1", "turn 0"]);
    let newest = &seen[0];
    assert_eq!(
        (&newest["actor"], &newest["action"], &newest["target"], &newest["outcome"], &newest["address"]),
        (
            &json!("operator"),
            &json!("projection.pause"),
            &json!("orders"),
            &json!("allowed"),
            &json!("127.0.0.1")
        )
    );
    let others = operator.get("/admin/audit?actor=someone").await.expect(200).json();
    assert_eq!(others["data"], json!([]));
}

/// Catches: a secret that `daybook config` masks and this does not.
#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_the_effective_one_with_secrets_masked() {
    let app = TestApp::start_with(|config| config.http.max_in_flight = 777).await;
    let shown = app.operator().get("/admin/configuration").await.expect(200);
    let settings = shown.json().as_array().unwrap().clone();
    let one = |name: &str| settings.iter().find(|one| one["name"] == name).unwrap().clone();
    let limit = one("http.max_in_flight");
    assert_eq!((&limit["value"], &limit["variable"]), (&json!("777"), &json!("DAYBOOK_HTTP__MAX_IN_FLIGHT")));
    assert_ne!(limit["default"], limit["value"]);
    let secret = url::Url::parse(app.config.database_url.expose()).unwrap();
    if let Some(password) = secret.password() {
        assert!(!shown.text().contains(password));
        assert!(one("database_url")["value"].as_str().unwrap().contains("*****"));
    }
    let toml = daybook_core::config::show(&app.config).unwrap();
    for line in toml.lines().filter(|line| line.contains("****")) {
        let name = line.split(" = ").next().unwrap();
        assert!(
            settings.iter().any(|one| {
                one["name"].as_str().unwrap().ends_with(name)
                    && one["value"].as_str().unwrap_or("").contains("****")
            }),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_hour_is_kept_in_memory() {
    let app = TestApp::start().await;
    let operator = app.operator();
    until("it is measured", async || {
        let samples = operator.get("/admin/measures").await.expect(200).json();
        let first = samples.as_array().unwrap().first().cloned();
        first.is_some_and(|first| first["requests_per_second"].is_null() && first["lag_seconds"].is_object())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rebuilds_are_listed_and_there_is_something_to_roll_back_to() {
    let app = TestApp::start().await;
    let operator = app.operator();
    let before = operator.get("/admin/projections/orders").await.expect(200).json();
    assert!(before["previous_generation"].is_null(), "{before}");
    let begun = operator.post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    rebuilt(&app, begun.header("location").unwrap()).await;
    let listed = operator.get("/admin/rebuilds").await.expect(200).json();
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&begun.json()["id"], &json!("done")));
    assert!(listed[0]["started_at"].is_string() && listed[0]["finished_at"].is_string());
    let after = operator.get("/admin/projections/orders").await.expect(200).json();
    assert_eq!(after["previous_generation"], before["generation"]);
}

/// Catches: a mail that is sent twice by a mistake, and one that can't be sent again on purpose.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_sent_once_more_when_an_operator_says_so() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    order_with_mail(&app.customer("alice")).await;
    app.settle().await;
    let operator = app.operator();
    let done = async || {
        let all = operator.get("/admin/effects?all=true").await.expect(200).json();
        let mut done = all.as_array().unwrap().clone();
        done.retain(|one| one["state"] == "done");
        done
    };
    until("the mail is sent", async || !done().await.is_empty()).await;
    let mail = done().await[0].clone();
    assert_eq!(app.mails().len(), 1);
    let again = |event: &Value| json!({"event_id": event, "kind": mail["kind"], "target": mail["target"], "reason": "lost"});
    let other = json!("019b0000-0000-7000-8000-000000000001");
    let refused = operator.post("/admin/effects/resends", again(&other)).await;
    assert_eq!(refused.refusal(), "409 conflict");
    let resent = operator.post("/admin/effects/resends", again(&mail["event_id"])).await.expect(200).json();
    assert_eq!(resent["state"], "pending");
    until("it is sent again", async || !done().await.is_empty()).await;
    assert_eq!(operator.get("/admin/effects").await.expect(200).json(), json!([]));
    let noted = app
        .database
        .count("SELECT count(*) FROM audit WHERE action = 'effect.resend' AND reason = 'lost'")
        .await;
    assert_eq!(noted, 2);
}

/// Catches: the API's own routes answering at the operators' listener by other rules, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn operators_look_at_events_and_things_by_the_rules_of_the_api() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let at_admin = |role: Role| app.by(role).at(app.admin().base().to_owned());
    for path in
        [format!("/v1/events?stream=order/{id}"), format!("/v1/orders/{id}"), "/v1/stock/TEA-1".to_owned()]
    {
        assert_eq!(at_admin(Role::Operator).get(&path).await.refusal(), "403 forbidden", "{path}");
        at_admin(Role::Admin).get(&path).await.expect(200);
    }
    at_admin(Role::Analyst).get("/v1/events").await.expect(200);
    // Nothing else of the API is here.
    let other = at_admin(Role::Admin).post("/v1/orders", order(&[("TEA-1", 1)])).await;
    assert_eq!(other.status, 404);
}
