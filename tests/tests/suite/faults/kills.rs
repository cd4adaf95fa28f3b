use daybook_domain::{feature::Feature, policy::Role};
use daybook_migrations::SERVER;
use daybook_tests::{
    Log, Proxy, TestDatabase,
    chaos::{Load, compare, stock_up},
    proxy::Weather,
    shop::new_id,
    smtp::MailSink,
    until,
};
use futures::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;
use sqlx::Executor;
use tokio::task::JoinSet;

use super::{House, teapots};

/// The reactor writes nothing down meanwhile.
const PAUSE: &str = "UPDATE checkpoints SET state = 'paused' WHERE name = 'reactor'";
const RESUME: &str = "UPDATE checkpoints SET state = 'running' WHERE name = 'reactor';
     SELECT pg_notify('daybook_operators', '')";

/// While a foreign transaction stays open, which holds up no command.
/// Catches: keys_not_stored, keys_stored_apart.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_server_that_is_killed_under_load_loses_nothing_that_it_acknowledged() {
    let house = House::new().await;
    let (mut a, b) = (house.started("a"), house.started("b"));
    stock_up(&house.client, &b).await;
    house.database.execute("CREATE TABLE foreign_work (n int)").await;
    let mut foreign = house.database.foreign_session().await;
    foreign.execute("BEGIN; INSERT INTO foreign_work VALUES (1)").await.unwrap();
    let load = Load::start(&house.client, [&a, &b], 1);
    for _ in 0..4 {
        load.progress(60).await;
        a.kill();
        load.progress(20).await;
        a.start();
    }
    load.progress(60).await;
    let told = load.end().await;
    compare(&Log::read(&house.database.superuser).await, &told).assert_flawless();
}

/// Committed, but its process dies before it is told: a client that repeats the key is told by the next one.
/// Catches: keys_not_stored.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_server_that_is_killed_between_commit_and_answer_has_done_it_once() {
    let house = House::new().await;
    let proxy = Proxy::to(&house.database.app_url()).await;
    let mut a = house.server_by_way_of("a", &proxy.url(&house.database.app_url()));
    a.start();
    house.sell(&a, 10).await;
    let head = house.log().await.head();
    proxy.set(Weather::AnswersLost);
    let mut buyer = JoinSet::new();
    let alice = house.alice(&a);
    let place = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "K").json(&teapots(3));
    buyer.spawn(async move { alice.try_send(place).await });
    until("it is committed", async || Log::read(&house.database.superuser).await.head() > head).await;
    a.kill();
    assert!(buyer.join_next().await.unwrap().unwrap().is_err(), "nobody was there to answer");
    proxy.set(Weather::Fair);
    proxy.cut();
    a.start();
    let first = house.alice(&a).post_keyed("/v1/orders", "K", teapots(3)).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), Some("true"));
    let again = house.alice(&a).post_keyed("/v1/orders", "K", teapots(3)).await.expect(201);
    assert_eq!(again.body, first.body);
    let log = house.log().await;
    assert_eq!((log.orders().len(), log.sold("TEAPOT")), (1, 3));
}

/// Catches: keys_not_stored.
#[tokio::test(flavor = "multi_thread")]
async fn fault_of_twenty_at_once_with_one_key_at_two_servers_one_is_done() {
    let house = House::new().await;
    let (a, b) = (house.started("a"), house.started("b"));
    house.sell(&a, 100).await;
    for round in 0..5 {
        let key = format!("K{round}");
        let mut buyers = JoinSet::new();
        for number in 0..20 {
            let alice = house.alice([&a, &b][number % 2]);
            let key = key.clone();
            buyers.spawn(async move { alice.post_keyed("/v1/orders", &key, teapots(1)).await });
        }
        let mut bodies = Vec::new();
        for reply in buyers.join_all().await {
            match reply.status {
                201 => bodies.push(reply.body),
                _ => assert_eq!(reply.refusal(), "409 idempotency_in_flight"),
            }
        }
        assert!(!bodies.is_empty());
        assert!(bodies.iter().all(|body| *body == bodies[0]), "the same bytes for all");
        for server in [&a, &b] {
            let repeat = house.alice(server).post_keyed("/v1/orders", &key, teapots(1)).await.expect(201);
            assert_eq!(repeat.body, bodies[0]);
        }
    }
    let log = house.log().await;
    assert_eq!((log.orders().len(), log.sold("TEAPOT")), (5, 5));
}

/// There are 64 buyers at two servers, one of which is killed: the pieces go round once.
/// Catches: nothing_arbitrates.
#[tokio::test(flavor = "multi_thread")]
async fn fault_ten_pieces_are_sold_once_though_a_server_is_killed() {
    let house = House::new().await;
    let (mut a, b) = (house.started("a"), house.started("b"));
    house.sell(&a, 12).await;
    // Both know the stock before they race for it.
    for server in [&a, &b] {
        house.alice(server).post("/v1/orders", teapots(1)).await.expect(201);
    }
    let foreign = house.take_append_lock().await;
    let mut buyers = JoinSet::new();
    for number in 0..64 {
        let buyer = [&a, &b].map(|server| house.by(server, &format!("buyer-{number}"), Role::Customer));
        buyers.spawn(async move {
            let key = new_id().simple().to_string();
            let [first, second] = match number % 2 {
                0 => [&buyer[0], &buyer[1]],
                _ => [&buyer[1], &buyer[0]],
            };
            for client in [first, second].into_iter().cycle() {
                let place = client.request(Method::POST, "/v1/orders").header("idempotency-key", &key);
                match client.try_send(place.json(&teapots(1))).await {
                    Ok(reply) if reply.status == 201 || reply.status == 422 => return reply.status,
                    _ => {}
                }
            }
            unreachable!("there are always two")
        });
    }
    until("both appends wait", async || house.database.waiting_for_lock(SERVER).await == 2).await;
    drop(foreign);
    a.kill();
    let sold = buyers.join_all().await.into_iter().filter(|status| *status == 201).count();
    assert_eq!(sold, 10);
    let log = house.log().await;
    assert_eq!((log.sold("TEAPOT"), log.orders().len()), (12, 12));
    a.start();
}

/// Claims and marks are made for many effects at once, and claims don't wait for the disk. Catches: an effect that is lost with its
/// batch; a mark that doesn't wait for the disk, or that comes before what it says.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_server_that_is_killed_in_the_middle_of_its_mails_sends_each_and_marks_it_once() {
    const ORDERS: i64 = 300;
    let (house, sink) = (House::new().await, MailSink::start().await);
    let mut a = house
        .server("a")
        .with("mail.smtp_url", sink.url())
        // What was claimed by one that was killed is claimed anew soon.
        .with("effects.timeout", "1s");
    a.start();
    house.sell(&a, ORDERS).await;
    let alice = house.alice(&a);
    let mut body = teapots(1);
    body["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    let places = (0..ORDERS).map(|_| async { alice.post("/v1/orders", body.clone()).await.expect(201) });
    // None is sent before all are there.
    house.database.execute(PAUSE).await;
    stream::iter(places).buffer_unordered(16).collect::<Vec<_>>().await;
    house.database.execute(RESUME).await;
    for mails in [1, 100, 200] {
        until("some more are sent", async || sink.mails().len() >= mails).await;
        a.kill();
        a.start();
    }
    house.caught_up().await;
    let mut sent: Vec<String> = sink.mails().iter().filter_map(|mail| message_id(mail)).collect();
    sent.sort_unstable();
    sent.dedup();
    assert_eq!(sent.len(), usize::try_from(ORDERS).unwrap(), "each at least once");
    let marked = "SELECT count(*) FROM effects WHERE state = 'done' AND kind = 'mail.order_placed'";
    assert_eq!(house.database.count(marked).await, ORDERS);
    assert_eq!(house.database.count("SELECT count(*) FROM effects WHERE state <> 'done'").await, 0);
}

fn message_id(mail: &str) -> Option<String> {
    mail.lines().find_map(|line| line.strip_prefix("Message-ID:")).map(|id| id.trim().to_owned())
}

/// The time of an order is over while no server is there, and the next one is killed with the cancellation under way. Catches: a
/// timer in memory; what is held given back twice.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_hold_ends_once_though_servers_are_killed_before_and_in_it() {
    let house = House::on(TestDatabase::new().await.having(&[Feature::ExpireOrders]).await);
    let mut a = house.server("a").with("commands.hold_ttl", "1s");
    a.start();
    house.sell(&a, 5).await;
    house.alice(&a).post("/v1/orders", teapots(2)).await.expect(201);
    a.kill();
    let foreign = house.take_append_lock().await;
    a.start();
    house.append_waits().await;
    a.kill();
    drop(foreign);
    a.start();
    until("its pieces are free again", async || house.log().await.stock("TEAPOT").held == 0).await;
    house.caught_up().await;
    let log = house.log().await;
    let count = |name: &str| log.names().iter().filter(|other| **other == name).count();
    assert_eq!((count("OrderCancelled"), count("StockHoldReleased")), (1, 1), "{:?}", log.names());
}
