//! What the web server refuses before there is a request, and what is expected of it before there is a body.

use std::net::SocketAddr;

use daybook_domain::{
    policy::Role,
    settings::{Size, Span},
};
use daybook_tests::{Client, TestApp};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

/// How long something may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(20);

fn address(client: &Client) -> SocketAddr {
    client.base().strip_prefix("http://").and_then(|text| text.parse().ok()).expect("an address")
}

/// All that is answered on one connection, which the server ends.
async fn told(client: &Client, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address(client)).await.expect("it listens");
    stream.write_all(sent).await.expect("sent");
    let mut answer = Vec::new();
    // The rest of what was sent is not read, so the end may be a reset.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it ends");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Looks at the last answer of a connection, which is a problem.
#[track_caller]
fn is_problem(answer: &str, status: u16, code: &str) {
    let start = answer.rfind("HTTP/1.").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let (head, body) = answer[start..].split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let headers: Vec<(String, &str)> = head
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    let header = |name: &str| headers.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
    assert_eq!(header("content-type"), Some("application/problem+json"), "{answer}");
    assert_eq!(header("content-length").and_then(|text| text.parse().ok()), Some(body.len()), "{answer}");
    for name in ["x-content-type-options", "referrer-policy", "content-security-policy", "date"] {
        assert!(header(name).is_some(), "{name}: {answer}");
    }
    assert_eq!(header("cache-control"), Some("no-store"), "{answer}");
    assert_eq!(header("connection").map(str::to_ascii_lowercase).as_deref(), Some("close"), "{answer}");
    let problem: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(problem["code"], code, "{answer}");
    assert_eq!(problem["status"], status, "{answer}");
    assert_eq!(problem["request_id"].as_str(), header("x-request-id"), "{answer}");
}

/// Catches: a bare status line of the web server.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_with_a_problem() {
    let app = TestApp::start_with(|config| config.http.client_timeout = Span::seconds(1)).await;
    let large = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "x".repeat(300_000));
    for client in [&app.anonymous, app.admin(), &app.telemetry] {
        for sent in [
            "nonsense\r\n\r\n",
            "GET  /healthz HTTP/1.1\r\n\r\n",
            "GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost x\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHo st: x\r\n\r\n",
            "GET /healthz HTTP/1.1\r\nHost: a\0b\r\n\r\n",
            "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        ] {
            is_problem(&told(client, sent.as_bytes()).await, 400, "malformed_request");
        }
        is_problem(&told(client, large.as_bytes()).await, 431, "head_too_large");
        is_problem(&told(client, b"GET /healthz HTTP/1.1\r\nX-Slow: ").await, 408, "request_timeout");
        // Behind a request that is answered as usual.
        let second = told(client, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n").await;
        assert!(second.starts_with("HTTP/1.1 200"), "{second}");
        is_problem(&second, 400, "malformed_request");
        let former = told(client, b"GET /healthz HTTP/1.0\r\n\r\n").await;
        assert!(former.starts_with("HTTP/1.0 200") && former.contains("x-request-id"), "{former}");
    }
}

/// Catches: an answer to a body that can't be read, and another one behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_its_form_has_one_answer() {
    let app = TestApp::start().await;
    let token = app.token("alice", &[Role::Customer]);
    let sent = format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"
    );
    let answer = told(&app.anonymous, sent.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.").count(), 1, "{answer}");
    is_problem(&answer, 400, "malformed_request");
}

/// Catches: a client that is told to go on with a body that nothing will read.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_told_to_go_on_only_where_its_body_is_wanted() {
    let app = TestApp::start_with(|config| config.http.max_body = Size::kib(4)).await;
    app.sell("TEA-1", 1999, 10).await;
    let token = app.token("alice", &[Role::Customer]);
    let expecting = |token: &str, length: usize| {
        format!(
            "POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: k\r\n\
             Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let answer = told(&app.anonymous, expecting("no.t.oken", 10).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let answer = told(&app.anonymous, expecting(&token, 5_000).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let body = r#"{"lines":[{"sku":"TEA-1","quantity":1}],"currency":"EUR"}"#;
    let mut stream = TcpStream::connect(address(&app.anonymous)).await.expect("it listens");
    stream.write_all(expecting(&token, body.len()).as_bytes()).await.expect("sent");
    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut first = vec![0; go_on.len()];
    timeout(PATIENCE, stream.read_exact(&mut first)).await.expect("it is told to go on").expect("read");
    assert_eq!(first, go_on);
    stream.write_all(body.as_bytes()).await.expect("sent");
    let mut first = [0; 13];
    timeout(PATIENCE, stream.read_exact(&mut first)).await.expect("it is answered").expect("read");
    assert_eq!(String::from_utf8_lossy(&first), "HTTP/1.1 201 ");
}
