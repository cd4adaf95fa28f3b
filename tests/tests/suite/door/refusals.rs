//! Who is not let in, and what is not done.

use std::net::SocketAddr;

use daybook_domain::policy::Role;
use daybook_door::protocol::{
    Empty,
    server_features::SupportedMethods,
    streams::{
        ReadReq, ReadResp,
        read_req::{
            Options,
            options::{AllOptions, CountOption, StreamOption, all_options::AllOption},
        },
    },
};
use daybook_tests::{
    Door, TestApp,
    door::{connect, events, following, next},
    metrics::of_labels,
    raw_door,
    server::free_port,
    until,
};
use eventstore::{
    AppendToStreamOptions, Client, DeleteStreamOptions, EventData, ReadAllOptions, StreamPosition,
    SubscribeToAllOptions,
};

use tokio::net::TcpStream;

use super::{head, plain_shop, shop};
use crate::faults::House;

async fn read(client: &Client) -> eventstore::Result<()> {
    client.read_all(&ReadAllOptions::default()).await?.next().await.map(drop)
}

/// Catches: a log that can be written past the deciders.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_through_the_door() {
    let (app, door, analyst) = shop().await;
    let before = head(&app).await;
    for client in [&analyst, &door.client(&app, Role::Admin)] {
        let event = EventData::json("OrderPlaced", &serde_json::json!({})).unwrap();
        let appended = client.append_to_stream("order-x", &AppendToStreamOptions::default(), event).await;
        assert!(appended.is_err_and(|error| error.is_access_denied()));
        let deleted = client.delete_stream("stock-TEA-1", &DeleteStreamOptions::default()).await;
        assert!(deleted.is_err_and(|error| error.is_access_denied()));
    }
    assert_eq!(head(&app).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_may_read_the_log_is_let_in() {
    let (app, door, analyst) = shop().await;
    read(&analyst).await.unwrap();
    read(&door.client(&app, Role::Admin)).await.unwrap();
    for role in [Role::Customer, Role::Support, Role::Operator] {
        assert!(read(&door.client(&app, role)).await.is_err_and(|error| error.is_access_denied()), "{role}");
    }
    for token in ["changeit", "a.b.c"] {
        let client = door.client_with(&app, "esdb", token);
        assert!(read(&client).await.is_err_and(|error| error.is_access_denied()), "{token}");
    }
    let noted =
        "SELECT count(*) FROM audit WHERE outcome = 'forbidden' AND actor = 'customer' AND target = '$all'";
    until("the refusal is in the audit", async || app.database.count(noted).await == 1).await;
}

/// Catches: a door that forgets the limit of places, or has one of its own.
#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_follow_at_a_time() {
    let door = Door::new();
    let app = TestApp::start_with(|config| {
        config.live.max_streams_per_subject = 2;
        door.open(config);
    })
    .await;
    app.sell("TEA-1", 1999, 1).await;
    let analyst = door.client(&app, Role::Analyst);
    let options = SubscribeToAllOptions::default().position(StreamPosition::Start);
    let mut first = analyst.subscribe_to_all(&options).await;
    following(&mut first, 1).await;
    let live = daybook_tests::Live::open(&app.by(Role::Analyst), "", None).await;
    let mut third = analyst.subscribe_to_all(&options).await;
    let refused = next(&mut third).await;
    assert!(matches!(refused, Err(eventstore::Error::Grpc { code, .. }) if code as i32 == 8));
    drop(live);
    until("the place is free again", async || read(&analyst).await.is_ok()).await;
}

/// Catches: an address of the cluster at which nothing listens.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_discover_a_cluster_find_the_server() {
    let (app, door, _analyst) = shop().await;
    let client = door.client_with(&app, "esdb+discover", &app.token("ann", &[Role::Analyst]));
    assert!(!events(&mut client.read_all(&ReadAllOptions::default()).await.unwrap()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_only_where_that_is_meant() {
    let app = plain_shop(|_| {}).await;
    let token = app.token("ann", &[Role::Analyst]);
    read(&connect(&format!("esdb://any:{token}@{}?tls=false", app.door()))).await.unwrap();
    let bare = connect(&format!("esdb://{}?tls=false", app.door()));
    assert!(read(&bare).await.is_err_and(|error| error.is_access_denied()));
}

/// Catches: a door that shows tokens to everyone on the way, and one that is missing without a word.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_door_without_a_certificate_or_without_the_api() {
    let (house, door) = (House::new().await, Door::new());
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let mut bare = house.server("bare").with("door.listen", address);
    bare.start();
    assert!(bare.log().contains("there is no door of EventStoreDB: it needs door.certificate_file"));
    assert!(TcpStream::connect(address).await.is_err());
    let mut relay = door.open_in(house.server("relay").with("roles", "relay"), address);
    relay.start();
    assert!(TcpStream::connect(address).await.is_err());
}

/// Catches: a name that can't be looked up in the audit, and a client that writes where it comes from.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_has_a_name_and_comes_from_somewhere() {
    let trusts = plain_shop(|config| config.http.trusted_proxies = "127.0.0.0/8".parse().unwrap()).await;
    let trusts_none = plain_shop(|_| {}).await;
    for (app, address) in [(&trusts, "192.0.2.7"), (&trusts_none, "127.0.0.1")] {
        let token = format!("Bearer {}", app.token("alice", &[Role::Customer]));
        let named = |id: &'static str| {
            [("authorization", token.as_str()), ("x-request-id", id), ("x-forwarded-for", "192.0.2.7")]
        };
        let all = ReadReq { options: Some(Options { count_option: Some(CountOption::Count(1)), ..all() }) };
        let read = "streams.Streams/Read";
        let refused = raw_door::call::<ReadResp>(app.door(), read, &named("call-1"), &all).await;
        assert_eq!((refused.refused(), refused.header("x-request-id")), (Some("7"), Some("call-1")));
        let noted = format!(
            "SELECT count(*) FROM audit WHERE actor = 'alice' AND request_id = 'call-1' AND address = '{address}'"
        );
        until("the refusal is in the audit", async || app.database.count(&noted).await == 1).await;
        let unnamed = raw_door::call::<ReadResp>(app.door(), read, &named("call 2"), &all).await;
        assert!(unnamed.header("x-request-id").is_some_and(|id| id != "call 2" && !id.is_empty()));
    }
    let nothing = ReadReq::default();
    let unknown = raw_door::call::<ReadResp>(trusts.door(), "users.Users/Create", &[], &nothing).await;
    assert_eq!(unknown.refused(), Some("12"));
    assert!(unknown.header("x-request-id").is_some());
    let labels = [("method", "other"), ("code", "Unimplemented")];
    assert_eq!(of_labels("daybook_door_calls_total", &labels), 1.0);
}

/// Catches: a method that clients believe in, and so use instead of another one, and a refusal that they don't know.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_asked_without_a_token_is_what_there_is() {
    let app = plain_shop(|_| {}).await;
    let method = "server_features.ServerFeatures/GetSupportedMethods";
    let answered = raw_door::call::<SupportedMethods>(app.door(), method, &[], &Empty {}).await;
    let [supported] = &answered.messages[..] else { panic!("one answer") };
    let methods: Vec<String> =
        supported.methods.iter().map(|one| format!("{}/{}", one.service_name, one.method_name)).collect();
    assert_eq!(
        methods,
        [
            "event_store.client.streams.streams/read",
            "event_store.client.gossip.gossip/read",
            "event_store.client.server_features.serverfeatures/getsupportedmethods",
        ]
    );
    assert!(supported.event_store_server_version.split('.').all(|part| part.parse::<u32>().is_ok()));
    for write in ["Append", "BatchAppend", "Delete", "Tombstone"] {
        let method = format!("streams.Streams/{write}");
        let refused = raw_door::call::<Empty>(app.door(), &method, &[], &Empty {}).await;
        assert_eq!(
            (refused.refused(), refused.header("exception")),
            (Some("7"), Some("access-denied")),
            "{write}"
        );
        assert!(refused.header("grpc-message").is_some_and(|text| text.contains("/v1/orders")), "{write}");
    }
}

/// Everything from the start.
fn all() -> Options {
    let all = AllOptions { all_option: Some(AllOption::Start(Empty {})) };
    Options { stream_option: Some(StreamOption::All(all)), ..Options::default() }
}
