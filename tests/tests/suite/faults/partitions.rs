//! The network loses what is between a worker and its servers, for a while.

use std::time::Duration;

use async_nats::jetstream;
use daybook_tests::{
    Daybook, Log, Proxy,
    chaos::{Load, compare, stock_up},
    proxy::Weather,
    until,
};

use super::{House, watch::Watch};

/// Longer than a lease is good without being renewed.
const OUTAGE: Duration = Duration::from_secs(4);
const SHORT_OUTAGE: Duration = Duration::from_millis(1_500);

/// Of those that the load buys, whose rows are written all the time.
const OFTEN: &str = "PLENTY-7";

/// An API that no fault meets, and a worker behind proxies.
struct Scene {
    house: House,
    api: Daybook,
    worker: Daybook,
    database: Proxy,
    broker: Proxy,
}

impl Scene {
    async fn set() -> Self {
        let house = House::new().await;
        let (database_url, broker_url) = (house.database.app_url(), house.nats.url().parse().unwrap());
        let (database, broker) = (Proxy::to(&database_url).await, Proxy::to(&broker_url).await);
        let mut api = house.server("api").with("roles", "api");
        let mut worker = house
            .server_by_way_of("worker", &database.url(&database_url))
            .with("nats_url", broker.url(&broker_url))
            .with("roles", "relay,projections,reactor")
            .with("audit_interval_ms", 50);
        api.start();
        worker.start();
        stock_up(&house.client, &api).await;
        Self { house, api, worker, database, broker }
    }

    fn load(&self) -> Load {
        Load::start(&self.house.client, [&self.api, &self.api], 18)
    }

    /// Until it has applied what there was at some moment.
    async fn goes_on(&self) {
        let head = Log::read(&self.house.database.superuser).await.head();
        let behind = format!("SELECT count(*) FROM checkpoints WHERE position < {head}");
        until("the worker has caught up", async || self.house.database.count(&behind).await == 0).await;
    }

    async fn ends_well(&self, load: Load) {
        let told = load.end().await;
        self.house.proved(&self.worker).await;
        let findings = compare(&Log::read(&self.house.database.superuser).await, &told);
        assert!(findings.is_good() && findings.unknown == 0, "{findings}\n{}", findings.examples.join("\n"));
    }
}

/// Catches: no limit to how long an answer of the database is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_worker_that_is_cut_off_from_the_database_goes_on_when_it_is_reached_again() {
    let mut scene = Scene::set().await;
    let watch = Watch::start(scene.house.operator(&scene.api));
    let load = scene.load();
    load.progress(50).await;
    // One statement is lost, while all else goes on: its lease is renewed, and nobody closes anything.
    scene.database.set(Weather::BlackholeFrom(OFTEN));
    scene.database.struck().await;
    scene.database.set(Weather::Fair);
    scene.goes_on().await;
    for (weather, outage) in
        [(Weather::AnswersLost, OUTAGE), (Weather::Blackhole, OUTAGE), (Weather::Away, SHORT_OUTAGE)]
    {
        load.progress(30).await;
        let resets = weather == Weather::Away;
        scene.database.set(weather);
        if resets {
            scene.database.cut();
        }
        tokio::time::sleep(outage).await;
        scene.database.set(Weather::Fair);
        scene.goes_on().await;
    }
    scene.ends_well(load).await;
    watch.end().await;
}

/// Catches: no limit to how long an acknowledgement is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_worker_that_is_cut_off_from_the_broker_reads_the_log_and_publishes_each_event_once() {
    let scene = Scene::set().await;
    let watch = Watch::start(scene.house.operator(&scene.api));
    let load = scene.load();
    for weather in [Weather::AnswersLost, Weather::Blackhole, Weather::Away] {
        load.progress(30).await;
        let resets = weather == Weather::Away;
        scene.broker.set(weather);
        if resets {
            scene.broker.cut();
        }
        tokio::time::sleep(SHORT_OUTAGE).await;
        scene.goes_on_without_broker().await;
        scene.broker.set(Weather::Fair);
        scene.goes_on().await;
    }
    scene.ends_well(load).await;
    watch.end().await;
    scene.stream_is_the_log().await;
}

impl Scene {
    /// The relay can't, and everything else can.
    async fn goes_on_without_broker(&self) {
        let head = Log::read(&self.house.database.superuser).await.head();
        let behind = format!("SELECT count(*) FROM checkpoints WHERE position < {head} AND name <> 'relay'");
        until("read models go on", async || self.house.database.count(&behind).await == 0).await;
    }

    /// Each event once, in order.
    async fn stream_is_the_log(&self) {
        let head = Log::read(&self.house.database.superuser).await.head();
        let client = async_nats::connect(self.house.nats.url()).await.expect("a broker");
        let stream = jetstream::new(client).get_stream(self.house.home.stream()).await.expect("a stream");
        let position = async |sequence| {
            let message = stream.get_raw_message(sequence).await.expect("nothing was taken out of it");
            message.headers.get("Daybook-Position").unwrap().as_str().parse::<i64>().unwrap()
        };
        until("the relay has published everything", async || {
            let state = stream.get_info().await.unwrap().state;
            position(state.last_sequence).await == head.0
        })
        .await;
        let state = stream.get_info().await.unwrap().state;
        let first = position(state.first_sequence).await;
        for (expected, sequence) in (first..).zip(state.first_sequence..=state.last_sequence) {
            assert_eq!(position(sequence).await, expected);
        }
    }
}
