//! Connections end by themselves, whatever their clients do, and a listener that is full makes room.

use std::{
    io::{Read, Write},
    net::{self, SocketAddr},
    time::Duration,
};

use daybook_domain::{policy::Role, settings::Span};
use daybook_tests::{Client, TestApp, metrics::counted, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

/// How long something may take before the test is given up.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections that each listener takes.
const ROOM: usize = 16;

/// What a client does to keep a connection.
#[derive(Debug, Clone, Copy)]
enum Held {
    /// It asks for something that needs no body, and never ends the body that it announced.
    ByABody,
    /// It never ends its first request.
    ByAHead,
    /// It gets an answer, and never ends its next request.
    ByTheNextHead,
    /// It gets an answer, and asks for nothing more.
    AfterAnAnswer,
    /// It sends nothing at all.
    BySilence,
}

const HELD: [Held; 5] =
    [Held::ByABody, Held::ByAHead, Held::ByTheNextHead, Held::AfterAnAnswer, Held::BySilence];

const PROBE: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";

impl Held {
    fn sends(self) -> String {
        match self {
            Self::ByABody => {
                "POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel".to_owned()
            }
            Self::ByAHead => "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned(),
            Self::ByTheNextHead => format!("{PROBE}GET /healthz HTTP/1.1\r\nX-Slow: "),
            Self::AfterAnAnswer => PROBE.to_owned(),
            Self::BySilence => String::new(),
        }
    }
}

fn listeners(app: &TestApp) -> [&Client; 3] {
    [&app.anonymous, app.admin(), &app.telemetry]
}

fn address(client: &Client) -> SocketAddr {
    client.base().strip_prefix("http://").and_then(|text| text.parse().ok()).expect("an address")
}

async fn hold(client: &Client, held: Held) -> TcpStream {
    let mut stream = TcpStream::connect(address(client)).await.expect("it listens");
    stream.write_all(held.sends().as_bytes()).await.expect("sent");
    stream
}

/// Until the server has ended it, whether politely or not.
async fn ended(mut stream: TcpStream) {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
}

/// Asks again and again, until the server has ended it, and reads nothing of what it is answered.
async fn asks_and_never_reads(address: SocketAddr, request: String) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("it listens");
    while stream.write_all(request.as_bytes()).await.is_ok() {}
}

/// On a connection and a thread of its own: the tasks of the others must not come between its connecting and its asking.
async fn is_alive(client: &Client) {
    let address = address(client);
    let asks = spawn_blocking(move || {
        let mut stream = net::TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(PROBE.replace("Host: x", "Host: x\r\nConnection: close").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    });
    let answer = asks.await.expect("it ends").expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

async fn impatient() -> TestApp {
    TestApp::start_with(|config| {
        config.http.client_timeout = Span::seconds(1);
        config.http.keep_alive = Span::seconds(1);
        config.http.write_timeout = Span::seconds(1);
        config.live.write_timeout = Span::seconds(1);
    })
    .await
}

/// Catches: a body that is waited for after its answer, and a limit for the first head only.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_in_work_ends_by_itself() {
    let app = impatient().await;
    for client in listeners(&app) {
        for held in HELD {
            let stream = hold(client, held).await;
            let over = timeout(PATIENCE, ended(stream)).await;
            assert!(over.is_ok(), "{} is held {held:?}", client.base());
        }
    }
}

/// Catches: a body that is sent a little at a time after its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_goes_on_after_its_answer_is_not_read_for_ever() {
    let app = impatient().await;
    for client in listeners(&app) {
        let mut stream = hold(client, Held::ByABody).await;
        stream.write_all(b"lo\r\n").await.expect("sent");
        let goes_on = async { while stream.write_all(b"1\r\nx\r\n").await.is_ok() {} };
        assert!(timeout(PATIENCE, goes_on).await.is_ok(), "{}", client.base());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_read_end_their_connection() {
    let app = impatient().await;
    for client in listeners(&app) {
        let asks = asks_and_never_reads(address(client), PROBE.repeat(100));
        assert!(timeout(PATIENCE, asks).await.is_ok(), "{}", client.base());
    }
}

/// Both forms of the log: a client that takes nothing of it leaves its place to others.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_takes_nothing_is_ended() {
    let app = impatient().await;
    app.sell("TEA-1", 1999, 10).await;
    app.database.lengthen("TEA-1", 30_000).await;
    let token = app.token("analyst", &[Role::Analyst]);
    for form in ["text/event-stream", "application/x-ndjson"] {
        let head = format!(
            "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: {form}\r\n\r\n"
        );
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let mut stream = socket.connect(address(&app.anonymous)).await.expect("it listens");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut first = [0];
        stream.read_exact(&mut first).await.expect("it answers");
        let in_work = || counted("daybook_http_requests_in_flight") + counted("daybook_live_streams");
        until("it is ended", async || in_work() == 0.0).await;
    }
}

/// Catches: a listener that is shut by clients who hold its connections without having a request in work.
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_full_makes_room() {
    let app = TestApp::start_with(|config| {
        config.http.max_connections = ROOM;
        config.http.max_side_connections = ROOM;
        config.http.client_timeout = Span::minutes(2);
        config.http.keep_alive = Span::hours(1);
    })
    .await;
    for client in listeners(&app) {
        for held in HELD {
            let mut streams = Vec::new();
            for _ in 0..2 * ROOM {
                streams.push(hold(client, held).await);
            }
            is_alive(client).await;
        }
    }
    for client in [&app.anonymous, app.admin()] {
        let mut unread = JoinSet::new();
        for _ in 0..2 * ROOM {
            let requests = PROBE.replace("/healthz", "/openapi.json").repeat(100);
            unread.spawn(asks_and_never_reads(address(client), requests));
        }
        is_alive(client).await;
    }
}

/// Catches: a client that is ended although it reads, only slower than it is written to.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_slowly_is_sent_to_its_end() {
    let app = impatient().await;
    app.sell("TEA-1", 1999, 10).await;
    app.database.lengthen("TEA-1", 3_000).await;
    let token = app.token("analyst", &[Role::Analyst]);
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let mut stream = socket.connect(address(&app.anonymous)).await.expect("it listens");
    let head = format!(
        "GET /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/x-ndjson\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (mut answer, mut piece) = (Vec::new(), [0; 512]);
    loop {
        let read = stream.read(&mut piece).await.expect("it is not cut off");
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    assert!(answer.ends_with(b"0\r\n\r\n"), "it was cut off");
}
