//! What holds on every route of every listener, whatever it is for.

use daybook_domain::policy::Role;
use daybook_http::{
    about::Kind,
    route::{Door, Route},
    routes,
};
use daybook_tests::{Client, Reply, TestApp};
use reqwest::Method;
use serde_json::json;

use super::{
    orders::{order, place},
    pages,
};
use crate::permissions::path_of;

/// What every answer has, whatever it says.
const ALWAYS: [&str; 5] =
    ["x-content-type-options", "referrer-policy", "content-security-policy", "cache-control", "x-request-id"];

/// An address that a route answers at, with what the client of its listener sends.
struct Address {
    client: Client,
    path: String,
    method: Method,
    route: Route,
}

async fn shop() -> (TestApp, String) {
    let app = TestApp::start_with(|config| {
        (config.rates.invalid_token_per_second, config.rates.invalid_token_burst) = (10_000, 10_000);
        (config.rates.address_per_second, config.rates.address_burst) = (10_000, 10_000);
    })
    .await;
    app.sell("TEA-1", 1999, 10).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    app.settle().await;
    (app, id)
}

/// Every route of every listener.
fn addresses(app: &TestApp, id: &str) -> Vec<Address> {
    let admin = app.by(Role::Admin);
    let listeners = [
        (admin.clone(), routes::api().into_iter().chain(daybook_graphql::endpoints(true)()).collect()),
        (admin.at(app.admin().base().to_owned()), routes::admin()),
        (app.telemetry.clone(), routes::telemetry()),
    ];
    let of_listener = |(client, routes): (Client, Vec<Route>)| {
        let address = move |route: Route| {
            let path = path_of(route.path, id).replace("{sku}", "TEA-1");
            let path = path.replace("{code}", "not_found").replace("{name}", "orders");
            let path = path
                .replace("{file}", if path.starts_with("/console") { "main.js" } else { "initializer.js" });
            let method = route.method.as_str().parse().expect("a method");
            Address { client: client.clone(), path, method, route }
        };
        routes.into_iter().map(address).collect::<Vec<_>>()
    };
    let addresses: Vec<_> = listeners.into_iter().flat_map(of_listener).collect();
    assert!(addresses.len() > 45, "{}", addresses.len());
    addresses
}

impl Address {
    async fn ask(&self, query: &str, headers: &[(&str, &str)]) -> Reply {
        // It can't do without that.
        let needed = self.path == "/v1/accounts" && self.method == Method::GET;
        let query = if needed {
            format!("?email=a@example.com{}", query.replacen('?', "&", 1))
        } else {
            query.to_owned()
        };
        let mut request = self.client.request(self.method.clone(), &format!("{}{query}", self.path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match self.method {
            Method::GET => request,
            _ => request
                .header("sec-fetch-site", "same-origin")
                .header("idempotency-key", "k")
                .json(&json!({})),
        };
        self.client.send(request).await
    }

    /// `status code`, as a problem or as a page that tells it.
    #[track_caller]
    fn refusal(&self, reply: &Reply) -> String {
        let is_page = matches!(self.route.about.kind, Kind::Page { .. });
        let is_shown = reply.header("content-type").is_some_and(|form| form.starts_with("text/html"));
        if is_page && is_shown { pages::refusal(reply) } else { reply.refusal() }
    }

    fn name(&self) -> String {
        format!("{} {}{}", self.method, self.client.base(), self.path)
    }
}

/// Catches: a check of the query string that some routes have, and one that looks at names as they are written.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_query_string_is_refused_before_everything_else() {
    let (app, id) = shop().await;
    let token = app.token("alice", &[Role::Customer]);
    let (head, _) = token.rsplit_once('.').expect("three parts");
    for address in addresses(&app, &id) {
        for query in [
            format!("?access_token={token}"),
            "?access_token=".to_owned(),
            "?access_token".to_owned(),
            "?limit=1&ACCESS_Token=x".to_owned(),
            "?%61ccess%5Ftoken=x".to_owned(),
            format!("?token={token}"),
            format!("?jwt={head}."),
            format!("?q=Bearer+{token}"),
            format!("?q=%20{}", token.replace('.', "%2E")),
            format!("?{token}"),
            "?key=dbk_0123456789".to_owned(),
            "?q=drt_k1_0123456789".to_owned(),
        ] {
            let reply = address.ask(&query, &[("accept", "image/png"), ("if-match", "x")]).await;
            assert_eq!(reply.refusal(), "401 unauthenticated", "{} {query}", address.name());
            assert!(!reply.text().contains(head), "{}", address.name());
        }
    }
    for listener in [&app.anonymous, app.admin(), &app.telemetry] {
        assert_eq!(listener.get("/nothing?access_token=x").await.refusal(), "401 unauthenticated");
    }
    // What only looks a little like one is none.
    for harmless in ["1.2.3", "a.b.c", "dbk", "drt_", "TEA-1.0.2", "eyJ", "access_token"] {
        app.anonymous.get(&format!("/v1/products?q={harmless}")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_has_the_rules_of_all() {
    let (app, id) = shop().await;
    for address in addresses(&app, &id) {
        let name = address.name();
        let unknown = address.ask("?colour=red", &[]).await;
        // Other issuers add what they like to what they answer (RFC 6749, section 4.1.2).
        let is_answer = address.route.about.name == "outside_page.answer";
        let expected = if is_answer { "422 invalid_attempt" } else { "400 unknown_parameter" };
        assert_eq!(address.refusal(&unknown), expected, "{name}");
        let image = address.ask("", &[("accept", "image/png")]).await;
        assert_eq!(address.refusal(&image), "406 not_acceptable", "{name}");
        for bad in ["soon", "-1", "1.5", ""] {
            let reply = address.ask("", &[("daybook-min-position", bad)]).await;
            assert_eq!(address.refusal(&reply), "400 malformed_request", "{name} {bad}");
        }
        for bad in ["soon", "0"] {
            let reply = address.ask("", &[("request-timeout-ms", bad)]).await;
            assert_eq!(address.refusal(&reply), "400 malformed_request", "{name} {bad}");
        }
        // What doesn't tell of the log is no later for any position of it, and GraphQL tells it of each field.
        if !matches!(address.route.about.kind, Kind::Page { .. } | Kind::Document | Kind::Graph | Kind::Probe)
        {
            let ahead = address.ask("", &[("daybook-min-position", "4611686018427387904")]).await;
            assert_eq!(ahead.refusal(), "400 malformed_request", "{name}");
        }
        for reply in [unknown, image] {
            for header in ALWAYS {
                assert!(reply.header(header).is_some(), "{name} {header}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_answers_head_as_get_and_other_methods_with_those_that_it_has() {
    let (app, id) = shop().await;
    let addresses = addresses(&app, &id);
    for address in &addresses {
        let Address { client, path, .. } = address;
        let here =
            || addresses.iter().filter(|other| (&other.path, other.client.base()) == (path, client.base()));
        for method in
            [Method::GET, Method::PUT, Method::TRACE, Method::OPTIONS, Method::DELETE, Method::PATCH]
        {
            if here().any(|other| other.method == method) {
                continue;
            }
            let refused = client.send(client.request(method.clone(), path)).await;
            assert_eq!(address.refusal(&refused), "405 method_not_allowed", "{method} {path}");
            let allow: Vec<&str> = refused.header("allow").unwrap().split(", ").collect();
            for other in here() {
                assert!(allow.contains(&other.method.as_str()), "{path}: {allow:?}");
            }
            let has_get = here().any(|other| other.method == Method::GET);
            assert_eq!(allow.contains(&"HEAD"), has_get, "{path}: {allow:?}");
            for header in ALWAYS {
                assert!(refused.header(header).is_some(), "{method} {path} {header}");
            }
        }
        if !here().any(|other| other.method == Method::GET) {
            continue;
        }
        let get = client.send(client.request(Method::GET, path)).await;
        let head = client.send(client.request(Method::HEAD, path)).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        for header in ALWAYS {
            assert!(head.header(header).is_some() && get.header(header).is_some(), "{path} {header}");
        }
        if get.status < 400 {
            assert!(head.header("daybook-position").is_some() && get.position() >= 0, "{path}");
        }
    }
}

/// Catches: a label that is whatever a stranger sends.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_do_not_grow_by_what_strangers_send() {
    let (app, id) = shop().await;
    let series = async || app.telemetry.get("/metrics").await.expect(200).text().lines().count();
    app.anonymous.get("/nothing").await.expect(404);
    let before = series().await;
    // What has no door of its own answers a stranger, too.
    let all = addresses(&app, &id);
    let is_open =
        |address: &&Address| matches!(address.route.about.kind, Kind::Identity { needs_token: false, .. });
    let open: Vec<String> = all.iter().filter(is_open).map(|address| address.path.clone()).collect();
    let doors = all
        .into_iter()
        .filter(|address| !matches!(address.route.about.kind, Kind::Graph | Kind::Page { .. }))
        .filter(|address| !open.contains(&address.path));
    for Address { client, path, .. } in doors {
        let stranger = app.anonymous.at(client.base().to_owned());
        for method in ["PUT", "PATCH", "DELETE", "POST", "OPTIONS", "TRACE", "BREW", "M-SEARCH"] {
            let request = stranger.request(method.parse().unwrap(), &path);
            let request = request.header("host", format!("{method}.example")).header("user-agent", method);
            let reply = stranger.send(request).await;
            assert!([401, 405].contains(&reply.status), "{method} {path}: {}", reply.text());
        }
        stranger.get(&format!("/nothing{path}")).await.expect(404);
    }
    // The commands that there are, refused, and each kind of method once.
    let commands = addresses(&app, &id).iter().filter(|address| address.method != Method::GET).count();
    let of_one = 20;
    let after = series().await;
    assert!(after <= before + (commands + 8) * of_one, "{before} lines became {after}");
}

/// Probes are asked by programs that send no token, and are always answered.
#[test]
fn probes_are_those_that_are_meant() {
    let all = [routes::api(), routes::admin(), routes::telemetry()];
    let mut probes: Vec<_> = all.iter().flatten().filter(|route| matches!(route.door, Door::Probe)).collect();
    probes.sort_by_key(|route| route.path);
    probes.dedup_by_key(|route| route.path);
    let paths: Vec<_> = probes.iter().map(|route| route.path).collect();
    assert_eq!(paths, ["/healthz", "/metrics", "/readyz"]);
}
