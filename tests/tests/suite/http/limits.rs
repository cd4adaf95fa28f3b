//! Every limit has an answer of its own.

use std::time::Duration;

use daybook_domain::{
    policy::Role,
    settings::{Size, Span},
};
use daybook_tests::{TestApp, until};
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::orders::order;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() {
    let app = TestApp::start_with(|config| config.http.max_body = Size::kib(4)).await;
    let alice = app.customer("alice");
    let large = format!("{{\"currency\":\"EUR\"{}}}", " ".repeat(5_000));
    let ask = |body: reqwest::Body| {
        let request = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "k");
        alice.send(request.header("content-type", "application/json").body(body))
    };
    assert_eq!(ask(large.clone().into()).await.refusal(), "413 payload_too_large");
    // Without a length, it is counted.
    let chunks = futures::stream::iter(
        large
            .into_bytes()
            .chunks(700)
            .map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()))
            .collect::<Vec<_>>(),
    );
    assert_eq!(ask(reqwest::Body::wrap_stream(chunks)).await.refusal(), "413 payload_too_large");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_forms_and_methods_are_refused() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let alice = app.customer("alice");
    for (media_type, encoding) in [
        ("text/plain", "identity"),
        ("application/xml", "identity"),
        ("application/json; charset=latin1", "identity"),
        ("application/x-www-form-urlencoded", "identity"),
        ("application/json", "gzip"),
    ] {
        let request = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "k");
        let request = request.header("content-type", media_type).header("content-encoding", encoding);
        let reply = alice.send(request.body("{}")).await;
        assert_eq!(reply.refusal(), "415 unsupported_media_type", "{media_type} {encoding}");
    }
    for (method, path, allow) in [
        (Method::DELETE, "/v1/orders", "GET"),
        (Method::PUT, "/v1/products/TEA-1", "PATCH"),
        (Method::POST, "/v1/permissions", "GET"),
        (Method::GET, "/v1/products/TEA-1/price", "PUT"),
        (Method::TRACE, "/v1/orders", "POST"),
    ] {
        let reply = alice.send(alice.request(method.clone(), path)).await;
        assert_eq!(reply.refusal(), "405 method_not_allowed", "{method} {path}");
        assert!(reply.header("allow").unwrap().contains(allow), "{method} {path}");
    }
    for (client, method, path) in [
        (&alice, Method::GET, "/v1/orders"),
        (&app.anonymous, Method::GET, "/v1/products/TEA-1"),
        (&alice, Method::POST, "/v1/orders"),
        (&app.by(Role::Analyst), Method::GET, "/v1/events"),
    ] {
        let request =
            client.request(method, path).header("accept", "image/png").header("idempotency-key", "k");
        assert_eq!(client.send(request).await.refusal(), "406 not_acceptable", "{path}");
    }
    let head = alice.send(alice.request(Method::HEAD, "/v1/orders")).await.expect(200);
    assert!(head.body.is_empty());
    let command = alice.post("/v1/orders?dry_run=true", order(&[("TEA-1", 1)])).await;
    assert_eq!(command.refusal(), "400 unknown_parameter");
}

/// What a raw connection is answered.
async fn raw(app: &TestApp, head: &str) -> String {
    let base = app.anonymous.request(Method::GET, "").build().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", base.url().port().unwrap())).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, stream.read_to_end(&mut answer)).await.expect("it ends").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_are_not_waited_for() {
    let app = TestApp::start_with(|config| config.http.client_timeout = Span::seconds(1)).await;
    let token = app.token("alice", &[Role::Customer]);
    let slow_body = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"lines\":"
    );
    let answer = raw(&app, &slow_body).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
    let answer = raw(&app, "GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-Slow: ").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_is_refused_politely() {
    let app = TestApp::start().await;
    for head in [
        "nonsense\r\n\r\n",
        "GET /v1/orders HTTP/9.9\r\n\r\n",
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    ] {
        let answer = raw(&app, head).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{head:?}: {answer}");
    }
    app.anonymous.get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn bursts_are_limited_by_caller() {
    let app = TestApp::start_with(|config| {
        (config.rates.subject_per_second, config.rates.subject_burst) = (1, 5);
        (config.rates.address_per_second, config.rates.address_burst) = (1, 5);
    })
    .await;
    let (alice, bob) = (app.customer("alice"), app.customer("bob"));
    let mut limited = None;
    for _ in 0..20 {
        let reply = alice.get("/v1/orders").await;
        assert!(reply.header("ratelimit-policy").is_some() && reply.header("ratelimit").is_some());
        if reply.status == 429 {
            limited = Some(reply);
            break;
        }
    }
    let limited = limited.expect("a burst has an end");
    assert_eq!(limited.refusal(), "429 rate_limited");
    assert!(limited.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // Others are not concerned.
    bob.get("/v1/orders").await.expect(200);
    // What a client says of its address changes nothing.
    let mut statuses = Vec::new();
    for number in 0..20 {
        let request = app.anonymous.request(Method::GET, "/v1/permissions");
        let forged = request.header("x-forwarded-for", format!("10.0.0.{number}"));
        statuses.push(app.anonymous.send(forged).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    // What watches over the process always gets an answer.
    app.anonymous.get("/healthz").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_is_kept_and_named_honestly() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let mut foreign = app.database.foreign_session().await;
    sqlx::query("SELECT pg_advisory_lock(log_lock())").execute(&mut foreign).await.unwrap();
    let alice = app.customer("alice");
    let ask = |timeout_ms: &str| {
        let request = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "K");
        alice.send(request.header("request-timeout-ms", timeout_ms).json(&order(&[("TEA-1", 1)])))
    };
    assert_eq!(ask("300").await.refusal(), "504 deadline_exceeded");
    assert_eq!(ask("300").await.refusal(), "409 idempotency_in_flight");
    assert_eq!(ask("0").await.refusal(), "400 malformed_request");
    sqlx::query("SELECT pg_advisory_unlock(log_lock())").execute(&mut foreign).await.unwrap();
    let mut repeat = ask("5000").await;
    while repeat.status == 409 {
        repeat = ask("5000").await;
    }
    assert_eq!(repeat.expect(201).header("idempotent-replayed"), Some("true"));
}

/// Catches: no limit of requests in work.
#[tokio::test(flavor = "multi_thread")]
async fn overload_is_shed_and_the_process_stays_reachable() {
    let app = TestApp::start_with(|config| config.http.max_in_flight = 8).await;
    app.sell("TEA-1", 1999, 100).await;
    let mut foreign = app.database.foreign_session().await;
    sqlx::query("SELECT pg_advisory_lock(log_lock())").execute(&mut foreign).await.unwrap();
    let mut buyers = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let alice = app.customer("alice");
        buyers.spawn(async move { alice.post("/v1/orders", order(&[("TEA-1", 1)])).await });
    }
    for _ in 0..16 {
        let shed = buyers.join_next().await.unwrap().unwrap();
        assert_eq!(shed.refusal(), "503 overloaded");
        assert!(shed.header("retry-after").is_some());
    }
    app.anonymous.get("/healthz").await.expect(200);
    sqlx::query("SELECT pg_advisory_unlock(log_lock())").execute(&mut foreign).await.unwrap();
    for reply in buyers.join_all().await {
        reply.expect(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_by_a_request_that_was_refused() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let before = daybook_tests::Log::read(&app.database.superuser).await.head();
    let alice = app.customer("alice");
    let request = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "k");
    alice.send(request.header("if-match", "\"x").json(&order(&[("TEA-1", 1)]))).await.expect(400);
    alice.post("/v1/orders", json!({"lines": "all"})).await.expect(422);
    assert_eq!(daybook_tests::Log::read(&app.database.superuser).await.head(), before);
}

/// Catches: one limit for all who come through a proxy, and a limit that its client can choose.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_trusted_proxy_each_client_has_a_limit_of_its_own() {
    let app = TestApp::start_with(|config| {
        (config.rates.address_per_second, config.rates.address_burst) = (1, 5);
        config.http.trusted_proxies = "127.0.0.0/8, 10.0.0.0/8".parse().unwrap();
    })
    .await;
    let ask = async |name: &str, value: String| {
        app.anonymous
            .send(app.anonymous.request(Method::GET, "/v1/permissions").header(name, value))
            .await
            .status
    };
    let mut statuses = Vec::new();
    for number in 0..20 {
        // What stands before its own address is what the client wrote.
        statuses.push(ask("x-forwarded-for", format!("203.0.113.{number}, 192.0.2.1, 10.0.0.7")).await);
    }
    assert_eq!((statuses[0], statuses.contains(&429)), (200, true), "{statuses:?}");
    for number in 2..20 {
        assert_eq!(ask("x-forwarded-for", format!("192.0.2.{number}")).await, 200);
        assert_eq!(ask("forwarded", format!("for=192.0.2.1, for=\"198.51.100.{number}:80\"")).await, 200);
    }
    let refused = app.by(Role::Analyst).request(Method::POST, "/v1/stock/TEA-1/receipts");
    let refused = refused.header("x-forwarded-for", "192.0.2.77").header("x-request-id", "proxied-1");
    app.anonymous.send(refused.json(&json!({"quantity": 1}))).await.expect(403);
    until("it is noted where it came from", async || {
        let noted = "SELECT count(*) FROM audit WHERE request_id = 'proxied-1' AND address = '192.0.2.77'";
        app.database.count(noted).await == 1
    })
    .await;
}
