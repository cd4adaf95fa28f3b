//! What readers of the log may take of a server.

use std::net::SocketAddr;

use daybook_domain::{policy::Role, settings::Span};
use daybook_door::protocol::{
    Empty,
    streams::{
        ReadReq,
        read_req::{
            Options,
            options::{AllOptions, CountOption, StreamOption, SubscriptionOptions, all_options::AllOption},
        },
    },
};
use daybook_tests::{
    Door, TestApp,
    door::{connect, events, following},
    metrics::counted,
    raw_door, until,
};
use eventstore::ReadAllOptions;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use super::{head, plain_shop, subscriptions::after};

/// More than what is under way between the server and a client that takes nothing.
const MANY: i64 = 60_000;
/// Those who read slowly.
const SLOW: usize = 100;

/// Catches: a connection of the database, or a turn to read the log, that is kept while a client reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_slow_readers_do_not_hold_up_others() {
    let app = plain_shop(|config| config.live.max_streams_per_subject = SLOW).await;
    app.database.lengthen("TEA-1", 5_000).await;
    let token = app.token("slow", &[Role::Analyst]);
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let amount = if number % 2 == 0 { subscription() } else { CountOption::Count(5_000) };
        // The usual windows have room for some hundred events.
        slow.push(ask(app.door(), &token, amount, &[]).await);
    }
    for stream in &mut slow {
        stream.read_exact(&mut [0]).await.expect("it answers");
    }
    let token = app.token("ann", &[Role::Analyst]);
    let analyst = connect(&format!("esdb://any:{token}@{}?tls=false", app.door()));
    let read = events(&mut analyst.read_all(&ReadAllOptions::default()).await.unwrap()).await;
    assert_eq!(i64::try_from(read.len()).unwrap(), head(&app).await);
    app.customer("alice").get("/v1/products/TEA-1").await.expect(200);
    assert_eq!(counted("daybook_live_streams"), f64::from(u8::try_from(SLOW).unwrap()));
}

/// Catches: a read that goes on when its token has ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_ends_with_its_token() {
    let (app, door, _analyst) = super::shop().await;
    app.database.lengthen("TEA-1", MANY).await;
    let ann = door.client_with(&app, "esdb", &app.token("ann", &[Role::Analyst]));
    let mut read = ann.read_all(&ReadAllOptions::default()).await.unwrap();
    read.next().await.unwrap().expect("an event");
    let body = json!({"revoked": {"subject": "ann"}, "reason": "she left"});
    app.operator().post("/admin/revocations", body).await.expect(200);
    let refused = loop {
        match read.next().await {
            Ok(event) => assert!(event.is_some(), "it was read to its end"),
            Err(error) => break error,
        }
    };
    assert!(refused.is_access_denied(), "{refused}");
}

/// Catches: a place that is kept by a client which takes nothing of one answer, but reads its connection.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_left_lying_is_given_up() {
    let door = Door::new();
    let app = TestApp::start_with(|config| {
        config.live.write_timeout = Span::seconds(1);
        config.live.heartbeat = Span::millis(super::HEARTBEAT_MS);
        door.open(config);
    })
    .await;
    app.sell("TEA-1", 1999, 1_000).await;
    app.database.lengthen("TEA-1", MANY).await;
    let analyst = door.client(&app, Role::Analyst);
    let mut left = analyst.subscribe_to_all(&after(None)).await;
    following(&mut left, 1).await;
    let mut taken = analyst.subscribe_to_all(&after(Some(MANY))).await;
    following(&mut taken, 1).await;
    until("its place is free", async || counted("daybook_live_streams") == 1.0).await;
    // The other one on the same connection goes on.
    app.sell("TEA-2", 100, 1).await;
    let rest = usize::try_from(head(&app).await - MANY - 1).unwrap();
    following(&mut taken, rest).await;
    // What it takes now is what was on its way, and then why there is no more.
    let refused = loop {
        if let Err(error) = left.next_subscription_event().await {
            break error;
        }
    };
    assert!(matches!(refused, eventstore::Error::DeadlineExceeded), "{refused}");
}

/// Catches: a connection that is kept for a client which reads nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_not_read_is_ended() {
    let app = plain_shop(|config| config.live.write_timeout = Span::seconds(1)).await;
    app.database.lengthen("TEA-1", MANY).await;
    let most = 0x7fff_ffff_u32;
    let of_each_stream = frame(4, 0, 0, &[&[0, 4][..], &most.to_be_bytes()].concat());
    let of_all = frame(8, 0, 0, &(most - 0xffff).to_be_bytes());
    let windows = [of_each_stream, of_all].concat();
    let mut stuck = ask(app.door(), &app.token("ann", &[Role::Analyst]), subscription(), &windows).await;
    stuck.read_exact(&mut [0]).await.expect("it answers");
    until("it follows", async || counted("daybook_live_streams") == 1.0).await;
    until("it is ended", async || {
        counted("daybook_live_streams") + counted("daybook_door_connections") == 0.0
    })
    .await;
}

/// Catches: a place that is kept for a client which never says what it speaks, or half of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_is_said_is_ended() {
    let app = plain_shop(|_| {}).await;
    for said in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut silent = TcpStream::connect(app.door()).await.expect("it listens");
        silent.write_all(said).await.expect("sent");
        silent.read_to_end(&mut vec![]).await.expect("it is ended");
    }
    until("no place is kept", async || counted("daybook_door_connections") == 0.0).await;
}

/// Catches: a connection that stays for ever, and one that takes what goes on with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_old_takes_no_new_calls() {
    let app = plain_shop(|config| config.door.max_connection_age = Span::seconds(1)).await;
    let token = app.token("ann", &[Role::Analyst]);
    let analyst = connect(&format!("esdb://any:{token}@{}?tls=false", app.door()));
    let first = head(&app).await;
    let mut subscription = analyst.subscribe_to_all(&after(None)).await;
    following(&mut subscription, usize::try_from(first).unwrap()).await;
    let read = async || events(&mut analyst.read_all(&ReadAllOptions::default()).await.unwrap()).await;
    until("another connection is made", async || {
        read().await;
        counted("daybook_door_connections") >= 2.0
    })
    .await;
    app.by(Role::Warehouse).post("/v1/stock/TEA-1/receipts", json!({"quantity": 1})).await.expect(200);
    following(&mut subscription, 1).await;
    drop(subscription);
    until("none is left", async || counted("daybook_door_connections") == 0.0).await;
    assert_eq!(i64::try_from(read().await.len()).unwrap(), first + 1);
}

/// Catches: a door with room for any number of connections, and a place of one that is never free again.
#[tokio::test(flavor = "multi_thread")]
async fn a_door_that_is_full_turns_away_who_comes() {
    let app = plain_shop(|config| config.door.max_connections = 2).await;
    let token = app.token("ann", &[Role::Analyst]);
    let mut present = Vec::new();
    for _ in 0..2 {
        let mut stream = ask(app.door(), &token, subscription(), &[]).await;
        stream.read_exact(&mut [0]).await.expect("it answers");
        present.push(stream);
    }
    let answers = async || {
        let mut stream = TcpStream::connect(app.door()).await.expect("it listens");
        matches!(stream.read(&mut [0]).await, Ok(1))
    };
    assert!(!answers().await);
    present.pop();
    until("there is room again", answers).await;
    present[0].read_exact(&mut [0]).await.expect("the other one goes on");
}

fn subscription() -> CountOption {
    CountOption::Subscription(SubscriptionOptions {})
}

/// Asks for the log on a connection of its own that takes little. `settings` are frames that come first (RFC 9113).
async fn ask(door: SocketAddr, token: &str, amount: CountOption, settings: &[u8]) -> TcpStream {
    let options = Options {
        stream_option: Some(StreamOption::All(AllOptions { all_option: Some(AllOption::Start(Empty {})) })),
        count_option: Some(amount),
        ..Options::default()
    };
    let asked = raw_door::message(&ReadReq { options: Some(options) });
    let authorization = format!("Bearer {token}");
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/event_store.client.streams.Streams/Read"),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", &authorization),
    ];
    let bytes = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &frame(4, 0, 0, &[])[..],
        settings,
        &frame(1, 4, 1, &fields.map(field).concat()),
        &frame(0, 1, 1, &asked),
    ];
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let mut stream = socket.connect(door).await.expect("it listens");
    stream.write_all(&bytes.concat()).await.expect("sent");
    stream
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field whose name and value are written out (RFC 7541, section 6.2.2).
fn field((name, value): (&str, &str)) -> Vec<u8> {
    [vec![0], text(name), text(value)].concat()
}

/// Its length, in seven bits and more if needed, and its bytes.
fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match text.len().checked_sub(127) {
        None => bytes.push(u8::try_from(text.len()).expect("seven bits")),
        Some(mut rest) => {
            bytes.push(127);
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).expect("seven bits") | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).expect("seven bits"));
        }
    }
    [bytes, text.as_bytes().to_vec()].concat()
}
