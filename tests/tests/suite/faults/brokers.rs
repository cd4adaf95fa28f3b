//! JetStream is stopped, emptied, short of memory and repeats itself.

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID, jetstream};
use daybook_tests::{
    Log,
    chaos::{Load, compare, stock_up},
    until,
};

use super::{House, watch::Watch};

/// So few that a subscriber that looks away for a moment misses some.
const KEPT_MESSAGES: i64 = 10;

async fn jetstream_of(house: &House) -> jetstream::Context {
    let client = async_nats::connect(house.nats.url()).await.expect("a broker");
    jetstream::new(client)
}

async fn keep_few(house: &House) {
    let context = jetstream_of(house).await;
    let mut stream = context.get_stream(house.home.stream()).await.expect("the relay's stream");
    let mut config = stream.info().await.expect("it is there").config.clone();
    config.max_messages = KEPT_MESSAGES;
    context.update_stream(config).await.expect("an operator may limit it");
}

/// Sends what the stream has once more, as if it were new.
async fn repeat(house: &House) {
    let context = jetstream_of(house).await;
    let mut stream = context.get_stream(house.home.stream()).await.expect("the relay's stream");
    let state = stream.info().await.expect("it is there").state.clone();
    for sequence in state.first_sequence..=state.last_sequence {
        // The oldest ones may be gone by now.
        let Ok(message) = stream.get_raw_message(sequence).await else { continue };
        let mut headers = HeaderMap::new();
        for (name, values) in
            message.headers.iter().filter(|(name, _)| name.to_string() == "Daybook-Position")
        {
            values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
        }
        headers.insert(NATS_MESSAGE_ID, daybook_tests::shop::new_id().to_string());
        let subject = message.subject.to_string();
        context.publish_with_headers(subject, headers, message.payload.clone()).await.expect("published");
    }
}

/// Catches: a carrier that asks for ever for a message that won't come again, while the process says that all is well.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_stream_whose_last_messages_were_deleted_goes_on_after_a_restart() {
    let mut house = House::new().await;
    let mut server = house.server("server").with("roles", "api,relay,projections,reactor,publisher");
    server.start();
    house.sell(&server, 1_000).await;
    let operator = house.operator(&server);
    let published = async || {
        let log = operator.get("/admin/log").await.expect(200).json();
        log["relay_position"] == log["head"] && log["publisher_position"] == log["head"]
    };
    let state = async |name: &str| operator.readiness().await[name].clone();
    // All but the first, and then all: what is left is another message, and none.
    for left in [1, 0] {
        until("all is published", &published).await;
        let context = jetstream_of(&house).await;
        for name in [house.home.stream().to_owned(), format!("{}_EVENTS", house.home.stream())] {
            let mut stream = context.get_stream(name).await.expect("it is there");
            let found = stream.info().await.expect("it is there").state.clone();
            for sequence in found.first_sequence + left..=found.last_sequence {
                let _ = stream.delete_message(sequence).await;
            }
        }
        server.kill();
        server.start();
        house.alice(&server).post("/v1/orders", super::teapots(1)).await.expect(201);
    }
    until("all is published", &published).await;
    assert_eq!((state("relay").await, state("publisher").await), ("ok".into(), "ok".into()));
    house.nats.kill();
    for name in ["relay", "publisher"] {
        until(&format!("{name} is down"), async || state(name).await == "down").await;
    }
}

/// Catches: a feed whose gaps are not looked for (a consumer that trusts its own place in the stream), and
/// events that are applied as often as they are delivered.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_stream_that_is_stopped_wiped_cut_short_and_repeats_itself_is_no_more_than_a_delay() {
    let mut house = House::new().await;
    let mut api = house.server("api").with("roles", "api,relay");
    let mut worker = house.server("worker").with("roles", "projections,reactor");
    worker = worker.with("proof.interval", "50ms");
    api.start();
    worker.start();
    stock_up(&house.client, &api).await;
    let watch = Watch::start(house.operator(&api));
    let load = Load::start(&house.client, [&api, &api], 12);
    load.progress(50).await;
    keep_few(&house).await;
    for _ in 0..3 {
        // For less than its lease: it is still the one who projects, and the feed goes on behind a gap.
        worker.freeze();
        load.progress(60).await;
        worker.thaw();
        load.progress(30).await;
        repeat(&house).await;
        load.progress(30).await;
    }
    house.nats.kill();
    load.progress(200).await;
    house.nats.wipe();
    house.nats.restart();
    load.progress(200).await;
    let told = load.end().await;
    house.proved(&worker).await;
    watch.end().await;
    compare(&Log::read(&house.database.superuser).await, &told).assert_flawless();
    let operator = house.operator(&api);
    until("the relay has published everything", async || {
        let log = operator.get("/admin/log").await.expect(200).json();
        log["relay_position"] == log["head"]
    })
    .await;
}
