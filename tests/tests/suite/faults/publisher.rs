//! Other systems follow the public events in JetStream, whatever happens to the publisher or the broker.

use async_nats::{
    HeaderMap,
    jetstream::{self, AckKind, consumer::pull, stream::Stream},
};
use daybook_domain::published::publish;
use daybook_tests::{
    Daybook, Log,
    chaos::{Load, stock_up},
    until,
};
use futures::StreamExt;
use tokio::task::JoinHandle;

use super::{House, teapots};

/// A message, as another system reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    subject: String,
    position: i64,
    pub id: String,
    body: String,
}

async fn context(house: &House) -> jetstream::Context {
    jetstream::new(async_nats::connect(house.nats.url()).await.expect("a broker"))
}

pub async fn public_stream(house: &House) -> Stream {
    let (context, name) = (context(house).await, format!("{}_EVENTS", house.home.stream()));
    until("the publisher has made its stream", async || context.get_stream(&name).await.is_ok()).await;
    context.get_stream(&name).await.expect("it is there")
}

fn heard(subject: &str, headers: &HeaderMap, body: &[u8]) -> Heard {
    let header = |name: &str| headers.get(name).map(ToString::to_string).unwrap_or_default();
    Heard {
        subject: subject.to_owned(),
        position: header("Daybook-Position").parse().expect("a position"),
        id: header("Nats-Msg-Id"),
        body: String::from_utf8(body.to_vec()).expect("UTF-8"),
    }
}

/// What should be heard of the log behind `after`.
pub async fn expected(house: &House, after: i64) -> Vec<Heard> {
    let log = Log::read(&house.database.superuser).await;
    let records = log.records.iter().filter(|record| record.position.0 > after);
    records
        .map(|record| {
            let event = publish(record);
            Heard {
                subject: format!("{}.public.{}.{}", house.home.stream(), record.aggregate_type, event.r#type),
                position: event.position.0,
                id: event.event_id.to_string(),
                body: String::from_utf8(event.to_json()).expect("UTF-8"),
            }
        })
        .collect()
}

#[track_caller]
pub fn same(heard: &[Heard], expected: &[Heard]) {
    let different = heard.iter().zip(expected).find(|(heard, expected)| heard != expected);
    assert_eq!(different, None, "the first that differs");
    assert_eq!(heard.len(), expected.len());
}

/// All that the stream holds.
pub async fn kept(stream: &Stream) -> Vec<Heard> {
    let state = stream.get_info().await.expect("it is there").state;
    let mut all = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.expect("it was not taken out");
        all.push(heard(&message.subject, &message.headers, &message.payload));
    }
    all
}

async fn has_published_everything(house: &House, server: &Daybook) {
    let operator = house.operator(server);
    until("the publisher has published everything", async || {
        let log = operator.get("/admin/log").await.expect(200).json();
        ["publisher_position", "analytics_position"]
            .iter()
            .all(|name| log[name].is_i64() && log[name] == log["head"])
    })
    .await;
    let differences = "SELECT count(*) FROM analytics.public_events AS told FULL JOIN events USING (position)
                        WHERE told.event_id IS DISTINCT FROM events.event_id";
    assert_eq!(house.database.count(differences).await, 0, "the table for analysts has each event once");
}

/// Another system, which acknowledges what it has heard, until it has come so far.
fn follow(stream: &Stream, until: i64) -> JoinHandle<Vec<Heard>> {
    let stream = stream.clone();
    #[allow(clippy::disallowed_methods, reason = "the test waits for it")]
    tokio::spawn(async move {
        // One at a time: what was handed out and not acknowledged would come again, behind others.
        let name = Some("other".to_owned());
        let config = pull::Config { durable_name: name, max_ack_pending: 1, ..pull::Config::default() };
        let consumer = stream.get_or_create_consumer("other", config).await.expect("a consumer");
        let mut all = Vec::new();
        loop {
            // No more are asked for than are taken: what is handed out to one that has ended comes again much later.
            let mut messages = consumer.fetch().max_messages(1).messages().await.expect("messages");
            let Some(message) = messages.next().await else { continue };
            let message = message.expect("a message");
            all.push(heard(&message.subject, message.headers.as_ref().expect("headers"), &message.payload));
            // The server says that it knows: otherwise the last one would come again to the follower after this one.
            message.double_ack_with(AckKind::Ack).await.expect("acknowledged");
            if all.last().is_some_and(|last| last.position >= until) {
                return all;
            }
        }
    })
}

/// Catches: an event that is told twice or never, after a page that was on its way when its process died.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_publisher_that_is_killed_and_stopped_under_load_tells_each_event_once_and_in_order() {
    let house = House::new().await;
    let mut api = house.server("api").with("roles", "api,relay,projections,reactor");
    api.start();
    stock_up(&house.client, &api).await;
    // It begins late, and still with the first event.
    let mut publishers = ["a", "b"].map(|name| house.server(name).with("roles", "publisher"));
    publishers.iter_mut().for_each(Daybook::start);
    let stream = public_stream(&house).await;
    let before = Log::read(&house.database.superuser).await.head().0;
    // Within that, it is heard live, too.
    let early = follow(&stream, before + 100);
    let load = Load::start(&house.client, [&api, &api], 21);
    for round in 0..4 {
        load.progress(60).await;
        let publisher = &mut publishers[round % 2];
        publisher.freeze();
        // As if its time had run out: the other one goes on, and this one wakes in the middle of a page.
        house.database.execute("DELETE FROM leases WHERE name = 'publisher'").await;
        load.progress(60).await;
        publisher.thaw();
        load.progress(20).await;
        publisher.kill();
        house.database.execute("DELETE FROM leases WHERE name = 'publisher'").await;
        publisher.start();
    }
    load.progress(60).await;
    load.end().await;
    has_published_everything(&house, &api).await;
    let all = expected(&house, 0).await;
    same(&kept(&stream).await, &all);
    let mut heard = early.await.expect("it has heard them");
    let head = all.last().expect("events").position;
    if heard.last().is_some_and(|last| last.position < head) {
        heard.extend(follow(&stream, head).await.expect("it goes on where it was"));
    }
    same(&heard, &all);
}

/// Catches: a publisher that goes on where it was in a stream that isn't there any more, that begins anew in
/// one that has only grown old, and one that gives up because another client has written to it.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_public_stream_that_is_wiped_limited_emptied_and_written_to_goes_on_as_it_should() {
    let mut house = House::new().await;
    let mut server = house.server("server").with("roles", "api,relay,projections,reactor,publisher");
    server.start();
    house.sell(&server, 1_000).await;
    let alice = house.alice(&server);
    let place = async || {
        alice.post("/v1/orders", teapots(1)).await.expect(201);
    };
    place().await;
    has_published_everything(&house, &server).await;
    same(&kept(&public_stream(&house).await).await, &expected(&house, 0).await);

    house.nats.kill();
    place().await;
    house.nats.wipe();
    house.nats.restart();
    has_published_everything(&house, &server).await;
    let mut stream = public_stream(&house).await;
    until("it is whole again", async || stream.get_info().await.is_ok_and(|info| info.state.messages == 7))
        .await;
    same(&kept(&stream).await, &expected(&house, 0).await);

    let mut config = stream.info().await.expect("it is there").config.clone();
    config.max_messages = 3;
    context(&house).await.update_stream(config).await.expect("an operator may limit it");
    place().await;
    has_published_everything(&house, &server).await;
    same(&kept(&stream).await, &expected(&house, 6).await);

    // As when all of it is too old. Nothing is told again, and nothing left out.
    stream.purge().await.expect("emptied");
    server.kill();
    server.start();
    place().await;
    has_published_everything(&house, &server).await;
    same(&kept(&stream).await, &expected(&house, 9).await);

    let subject = format!("{}.public.order.Lost", house.home.stream());
    let other = context(&house).await;
    let written = other.publish(subject, "by somebody else".into()).await.expect("sent");
    let foreign = written.await.expect("stored").sequence;
    place().await;
    has_published_everything(&house, &server).await;
    let state = stream.get_info().await.expect("it is there").state;
    assert_eq!(state.last_sequence, foreign + 2);
    let mut behind = Vec::new();
    for sequence in [foreign + 1, foreign + 2] {
        let message = stream.get_raw_message(sequence).await.expect("it is there");
        behind.push(heard(&message.subject, &message.headers, &message.payload));
    }
    same(&behind, &expected(&house, 11).await);
}
