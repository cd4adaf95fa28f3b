//! The network loses what is between a process and its servers, for a while.

use std::{collections::HashSet, time::Duration};

use async_nats::jetstream;
use daybook_domain::policy::Role;
use daybook_migrations::SERVER;
use daybook_tests::{
    Daybook, Log, Proxy, Reply,
    chaos::{Load, compare, stock_up},
    proxy::Weather,
    shop::new_id,
    until,
};
use reqwest::Method;
use serde_json::json;
use sqlx::{Executor, PgConnection};
use tokio::task::JoinSet;

use super::{House, teapots, watch::Watch};

/// Longer than a lease is good without being renewed.
const OUTAGE: Duration = Duration::from_secs(4);
const SHORT_OUTAGE: Duration = Duration::from_millis(1_500);

/// One of the SKUs that the load buys, so that its rows are written all the time.
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
            .with("proof.interval", "50ms");
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
        compare(&Log::read(&self.house.database.superuser).await, &told).assert_flawless();
    }
}

/// Catches: no limit to how long an answer of the database is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_worker_that_is_cut_off_from_the_database_goes_on_when_it_is_reached_again() {
    let mut scene = Scene::set().await;
    let watch = Watch::start(scene.house.operator(&scene.api));
    let load = scene.load();
    load.progress(50).await;
    // One statement is lost, while all else goes on: its lease is renewed, and nothing is closed.
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
    // A relay that reaches the broker for the first time begins at the head, and would leave the stream empty.
    let relayed = "SELECT count(*) FROM checkpoints WHERE name = 'relay' AND position > 0";
    until("the relay has begun", async || scene.house.database.count(relayed).await == 1).await;
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

/// Connections of the queries.
const PLACES: usize = 3;

/// An API behind a proxy, and no worker: read models are at the head.
struct CutOff {
    house: House,
    api: Daybook,
    database: Proxy,
}

impl CutOff {
    async fn set() -> Self {
        let house = House::new().await;
        let url = house.database.app_url();
        let database = Proxy::to(&url).await;
        let mut api = house
            .server_by_way_of("api", &database.url(&url))
            .with("roles", "api")
            .with("queries.connections", PLACES)
            .with("commands.connections", 1)
            .with("database.acquire_timeout", "1s")
            .with("commands.append_timeout", "2s");
        let mut worker = house.server("worker").with("roles", "relay,projections,reactor");
        worker.start();
        api.start();
        house.sell(&api, 100).await;
        house.caught_up().await;
        // It stops of its own accord, so that none of its sessions waits for anything any more.
        worker.terminate();
        until("the worker has ended", async || worker.ended().is_some()).await;
        Self { house, api, database }
    }

    /// No other session can use this table until this one ends.
    async fn lock(&self, table: &str) -> PgConnection {
        let mut foreign = self.house.database.foreign_session().await;
        foreign.execute(&*format!("BEGIN; LOCK TABLE {table}")).await.expect("a lock");
        foreign
    }

    async fn waiting(&self, sessions: usize) {
        let waiting = async || self.house.database.waiting_for_lock(SERVER).await;
        let sessions = i64::try_from(sessions).unwrap();
        until("so many sessions wait", async || waiting().await == sessions).await;
    }

    /// As many as there are places, all at the same time; none of them can be answered from memory.
    fn queries(&self, round: &str, timeout_ms: u64) -> JoinSet<Reply> {
        (0..PLACES).map(|number| self.query(&format!("{round}-{number}"), timeout_ms)).collect()
    }

    fn query(&self, words: &str, timeout_ms: u64) -> impl Future<Output = Reply> + use<> {
        let client = self.api.api(&self.house.client);
        let query = client.request(Method::GET, &format!("/v1/products?q={words}"));
        let query = query.header("request-timeout-ms", timeout_ms);
        async move { client.send(query).await }
    }
}

/// Catches: a pool that waits without end for connections that were given up in the middle of a statement.
#[tokio::test(flavor = "multi_thread")]
async fn fault_queries_that_lost_their_answers_leave_their_places_to_others() {
    let scene = CutOff::set().await;
    let foreign = scene.lock("read.products_g1").await;
    let lost = scene.queries("lost", 1_000);
    scene.waiting(PLACES).await;
    scene.database.set(Weather::Blackhole);
    for reply in lost.join_all().await {
        assert_eq!(reply.refusal(), "504 deadline_exceeded");
    }
    // The answers go nowhere.
    drop(foreign);
    scene.waiting(0).await;
    scene.database.set(Weather::Fair);
    // All places are there again, if not at the same time: an answer may have waited at the proxy, and others are lost.
    let foreign = scene.lock("read.products_g1").await;
    let (mut found, mut number) = (JoinSet::<Reply>::new(), 0);
    until("as many queries as there are places wait", async || {
        while let Some(early) = found.try_join_next() {
            assert_eq!(early.expect("a reply").refusal(), "503 unavailable");
        }
        while found.len() < PLACES {
            found.spawn(scene.query(&format!("found-{number}"), 20_000));
            number += 1;
        }
        scene.house.database.waiting_for_lock(SERVER).await == i64::try_from(PLACES).unwrap()
    })
    .await;
    drop(foreign);
    for reply in found.join_all().await {
        reply.expect(200);
    }
}

/// Catches: connections that are closed while their sessions at the database go on with what is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn fault_queries_that_are_given_up_again_and_again_leave_no_crowd_behind() {
    let scene = CutOff::set().await;
    let _foreign = scene.lock("read.products_g1").await;
    let waiting = "SELECT pid FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'daybook-serve'
                      AND wait_event_type = 'Lock'";
    let (mut seen, mut most) = (HashSet::new(), 0);
    until("all sessions were replaced twice", async || {
        scene.queries("slow", 100).join_all().await;
        let now = sqlx::query_scalar::<_, i32>(waiting).fetch_all(&scene.house.database.superuser);
        let now = now.await.unwrap();
        most = most.max(now.len());
        seen.extend(now);
        seen.len() >= 3 * PLACES
    })
    .await;
    // Those of the pool, and those that it has just closed.
    assert!(most <= 2 * PLACES, "{most} sessions at a time");
}

/// Commands on orders that aren't there, which is not known before their streams were looked for.
const LOST: &str = "ord_019b0000000070008000000000000001";
const FOUND: &str = "ord_019b0000000070008000000000000002";

/// Catches: streams that are loaded without a limit, and everybody who needs others waits for that.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_load_that_lost_its_answer_is_given_up_and_the_next_one_is_answered() {
    let mut scene = CutOff::set().await;
    let support = scene.house.by(&scene.api, "support", Role::Support);
    let confirm = |id: &str| {
        let confirmation = support.request(Method::POST, &format!("/v1/orders/{id}/confirmation"));
        support.send(confirmation.header("idempotency-key", id).header("request-timeout-ms", 1_000))
    };
    scene.database.set(Weather::BlackholeFrom(LOST));
    let (reply, ()) = tokio::join!(confirm(LOST), scene.database.struck());
    scene.database.set(Weather::Fair);
    assert_eq!(reply.refusal(), "504 deadline_exceeded");
    until("streams are loaded again", async || confirm(FOUND).await.status == 404).await;
}

/// The time limit of a client: longer than it asks the server to take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Catches: a person's key that is waited for longer than the client waits.
#[tokio::test(flavor = "multi_thread")]
async fn fault_an_order_whose_contact_can_not_be_sealed_is_answered_in_time() {
    let mut scene = CutOff::set().await;
    let alice = scene.house.alice(&scene.api);
    let place = || {
        let mut order = teapots(1);
        order["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
        let request = alice.request(Method::POST, "/v1/orders").json(&order);
        let key = new_id().simple().to_string();
        let request = request.header("idempotency-key", key).header("request-timeout-ms", 1_000);
        alice.send(request.timeout(PATIENCE))
    };
    scene.database.set(Weather::BlackholeFrom("FROM person_keys"));
    let (reply, ()) = tokio::join!(place(), scene.database.struck());
    scene.database.set(Weather::Fair);
    assert_eq!(reply.refusal(), "504 deadline_exceeded");
    until("orders are placed", async || place().await.status == 201).await;
}
