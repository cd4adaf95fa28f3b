//! PostgreSQL is lost and restored from a base backup and what was archived, to a point in time.

use std::collections::BTreeMap;

use daybook_domain::policy::Role;
use daybook_tests::{
    Client, Daybook, Live, OwnPostgres, TestDatabase, live, smtp::MailSink, until, until::until_none_is_left,
};
use serde_json::{Value, json};

use super::{House, publisher, teapots};

const PENDING: &str = "SELECT count(*) FROM effects WHERE state = 'pending'";

fn order() -> Value {
    let mut order = teapots(1);
    order["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    order
}

/// How often each mail was taken, by its Message-ID.
fn taken(sink: &MailSink) -> BTreeMap<String, usize> {
    let mut taken = BTreeMap::new();
    for mail in sink.mails() {
        let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).expect("it has an id");
        *taken.entry(id.to_owned()).or_default() += 1;
    }
    taken
}

/// What the verb prints, and whether it ends well.
fn verified(server: &Daybook) -> (String, bool) {
    let ended = server.command(&["backup", "verify"]).output().expect("the program runs");
    let told = [ended.stdout, ended.stderr].concat();
    (String::from_utf8(told).expect("text"), ended.status.success())
}

async fn published(house: &House, server: &Daybook) {
    let operator = house.operator(server);
    until("all is published", async || {
        let log = operator.get("/admin/log").await.expect(200).json();
        ["relay_position", "publisher_position", "analytics_position"]
            .iter()
            .all(|name| log[name] == log["head"])
    })
    .await;
}

async fn price(client: &Client) -> i64 {
    client.get("/v1/products/TEAPOT").await.expect(200).json()["price"]["amount"].as_i64().expect("a number")
}

/// Until the changes that make up the log are in the archive, where a restore finds them.
async fn archived(database: &TestDatabase) {
    let switched: String = sqlx::query_scalar("SELECT pg_walfile_name(pg_switch_wal())")
        .fetch_one(&database.superuser)
        .await
        .expect("a superuser may");
    let left = format!(
        "SELECT count(*) FROM pg_stat_archiver WHERE last_archived_wal IS NULL OR last_archived_wal < '{switched}'"
    );
    until_none_is_left("all is archived", async || database.count(&left).await).await;
}

/// A process that only answers survives, with all that it remembers of the time that is gone.
/// Catches: a stream, an answer or a state of a history that is no more, and mails that the restored ledger has as sent.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_database_that_is_restored_to_a_point_in_time_goes_on_from_there() {
    let mut postgres = OwnPostgres::archived();
    let mut house = House::on(TestDatabase::on(&postgres.url()).await);
    let sink = MailSink::start().await;
    let worker = |house: &House, name| {
        let server = house.server(name).with("mail.smtp_url", sink.url());
        server.with("roles", "api,relay,projections,reactor,publisher")
    };
    let mut first = worker(&house, "first");
    first.start();
    let mut survivor = house.server("survivor").with("roles", "api");
    survivor.start();
    house.sell(&first, 1_000).await;

    // Before the point in time: the base backup is made while orders come and mails go.
    let alice = house.alice(&survivor);
    let mut backup = postgres.back_up();
    let ended = loop {
        alice.post("/v1/orders", order()).await.expect(201);
        if let Some(ended) = backup.try_wait().expect("a child of ours") {
            break ended;
        }
    };
    assert!(ended.success(), "{ended}");
    let before = alice.post_keyed("/v1/orders", "before", order()).await.expect(201);
    house.caught_up().await;
    let sent = taken(&sink);
    sink.refuse(u32::MAX);
    alice.post("/v1/orders", order()).await.expect(201);
    let refused = "SELECT count(*) FROM effects WHERE state = 'pending' AND last_error IS NOT NULL";
    until("a mail is refused for now", async || house.database.count(refused).await == 1).await;
    let head = house.log().await.head().0;
    published(&house, &first).await;
    until("read models are at the head", async || house.database.count(&behind(head)).await == 0).await;
    let point: String = sqlx::query_scalar("SELECT clock_timestamp()::text")
        .fetch_one(&house.database.superuser)
        .await
        .expect("a time");

    sink.refuse(0);

    // After it: more orders and mails, and answers that are remembered.
    let lost = alice.post_keyed("/v1/orders", "after", order()).await.expect(201);
    let lost_id = lost.json()["id"].as_str().expect("an id").to_owned();
    alice.post("/v1/orders", order()).await.expect(201);
    // The key of a new customer is remembered, and its row is lost.
    let bob = house.by(&survivor, "bob", Role::Customer);
    bob.post("/v1/orders", order()).await.expect(201);
    let admin = house.by(&survivor, "admin", Role::Admin);
    admin.put("/v1/products/TEAPOT/price", json!({"amount": 2999, "currency": "EUR"})).await.expect(200);
    house.caught_up().await;
    published(&house, &first).await;
    assert_eq!(price(&alice).await, 2999);
    alice.get(&format!("/v1/orders/{lost_id}")).await.expect(200);
    let later = house.log().await.head().0;
    let analyst = house.by(&survivor, "ann", Role::Analyst);
    let mut follower = Live::open(&analyst, "", Some(later - 1)).await;
    assert_eq!(follower.event().await.id, Some(later));
    let told = taken(&sink);
    assert_eq!(told.values().sum::<usize>(), told.len(), "no mail was sent twice so far");
    archived(&house.database).await;

    survivor.freeze();
    first.kill();
    postgres.kill();
    postgres.restore(&point);
    until("recovery has ended", async || {
        let recovering =
            sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&house.database.superuser);
        matches!(recovering.await, Ok(false))
    })
    .await;
    let (said, is_well) = verified(&first);
    assert!(is_well, "{said}");
    let closing = said.lines().last().unwrap_or_default();
    assert!(closing.starts_with(&format!("position={head} recorded_at=")), "{said}");
    assert!(closing.ends_with("pending_effects=1 unreadable=0 differences=0"), "{said}");

    // What was answered since is gone, for the process that remembers it, too.
    survivor.thaw();
    // Who has seen more than there is now is told so; who has not, sees what there is.
    until("the process knows of it", async || {
        let refused = alice.get(&format!("/v1/orders/{lost_id}")).await;
        refused.status == 400 && refused.text().contains("beyond the head of the log")
    })
    .await;
    house.client = Client::new(String::new());
    let alice = house.alice(&survivor);
    assert_eq!(alice.get(&format!("/v1/orders/{lost_id}")).await.refusal(), "404 not_found");
    assert_eq!(price(&alice).await, 1999);
    assert_eq!(live::ask(&analyst, "", Some(later)).await.status(), 400);
    // It breaks off, or ends: in a process that stood still, no token was looked at for too long.
    while let Ok(Some(frame)) = follower.frame().await {
        assert!(frame.data.is_none(), "{frame:?}");
    }

    // A command from before the point is answered as it was; one from after it is carried out anew.
    let again = alice.post_keyed("/v1/orders", "before", order()).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &before.body));
    let anew = alice.post_keyed("/v1/orders", "after", order()).await.expect(201);
    assert_eq!(anew.header("idempotent-replayed"), None);
    let anew_id = anew.json()["id"].as_str().expect("an id").to_owned();
    assert_ne!(anew_id, lost_id);
    assert_eq!(anew.json()["total"]["amount"], 1999, "at the price of that time");

    let bob = house.by(&survivor, "bob", Role::Customer);
    let bobs = bob.post("/v1/orders", order()).await.expect(201).json();

    let mut second = worker(&house, "second");
    second.start();
    let again = house.alice(&second).post_keyed("/v1/orders", "after", order()).await.expect(201);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &anew.body));
    house.proved(&second).await;
    published(&house, &second).await;
    let stream = publisher::public_stream(&house).await;
    publisher::same(&publisher::kept(&stream).await, &publisher::expected(&house, 0).await);
    // The relay's stream was emptied, and has what came since.
    house.alice(&second).post("/v1/orders", teapots(1)).await.expect(201);
    house.caught_up().await;
    published(&house, &second).await;
    let context = async_nats::jetstream::new(async_nats::connect(house.nats.url()).await.expect("a broker"));
    let relayed = context.get_stream(house.home.stream()).await.expect("the relay's stream");
    let records = house.log().await.records;
    let of_this_log: Vec<String> = records.iter().map(|record| record.event_id.to_string()).collect();
    let found = publisher::kept(&relayed).await;
    assert!(!found.is_empty() && found.iter().all(|message| of_this_log.contains(&message.id)), "{found:?}");
    let shown = house.alice(&second).get(&format!("/v1/orders/{anew_id}")).await.expect(200).json();
    assert_eq!(shown["contact"]["email"], "alice@example.com");
    let path = format!("/v1/orders/{}", bobs["id"].as_str().expect("an id"));
    let shown = house.by(&second, "bob", Role::Customer).get(&path).await.expect(200).json();
    assert_eq!(shown["contact"]["email"], "alice@example.com", "sealed with a key that is stored");

    // Mails that the restored ledger had as sent are not sent again. The one that it had as pending is, with the id that it
    // had; and so are the mails of orders that were placed anew, which are other ones.
    assert_eq!(house.database.count(PENDING).await, 0);
    let finally = taken(&sink);
    for id in sent.keys() {
        assert_eq!(finally[id], 1, "{id}");
    }
    let twice: Vec<&String> = finally.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id).collect();
    assert_eq!(twice.len(), 1, "{twice:?}");
    assert!(told.contains_key(twice[0]) && !sent.contains_key(twice[0]), "{twice:?}");
    assert_eq!(finally.len(), told.len() + 2);

    let (said, is_well) = verified(&second);
    assert!(is_well && said.contains("pending_effects=0 unreadable=0 differences=0"), "{said}");
}

/// Consumers that have not come so far.
fn behind(head: i64) -> String {
    format!("SELECT count(*) FROM checkpoints WHERE name <> 'relay' AND position < {head}")
}

/// Catches: a copy that is taken for whole although something of it is missing, changed, or sealed with another key.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_not_whole_is_told_from_one_that_is() {
    let house = House::new().await;
    let mut server = house.server("server").with("roles", "api,relay,projections,reactor,publisher");
    server.start();
    house.sell(&server, 100).await;
    for _ in 0..3 {
        house.alice(&server).post("/v1/orders", order()).await.expect(201);
    }
    house.caught_up().await;
    published(&house, &server).await;
    server.kill();
    let (said, is_well) = verified(&server);
    assert!(is_well, "{said}");
    assert!(said.contains("\nmaster key: it opens everything that is sealed\n"), "{said}");
    assert!(said.contains("\nkeys of persons: 1, of which 0 can't be read\n"), "{said}");

    let (said, is_well) = verified(&house.server("another").with("vault.master_key", ANOTHER_KEY));
    assert!(!is_well && said.contains("sealed with ANOTHER one"), "{said}");

    let database = &house.database;
    for (damage, repair, finding) in [
        (
            "UPDATE person_keys SET wrapped_key = set_byte(wrapped_key, 20, 255 - get_byte(wrapped_key, 20))",
            "UPDATE person_keys SET wrapped_key = set_byte(wrapped_key, 20, 255 - get_byte(wrapped_key, 20))",
            "keys of persons: 1, of which 1 can't be read",
        ),
        (
            "UPDATE secret_keys SET wrapped_key = wrapped_key || '\\x00' WHERE kind = 'link'",
            "UPDATE secret_keys SET wrapped_key = substr(wrapped_key, 1, length(wrapped_key) - 1) WHERE kind = 'link'",
            "master key: it is the right one, and what it can't open is DAMAGED",
        ),
        (
            "INSERT INTO credentials (id, account, kind, secret) VALUES (gen_random_uuid(), 'acc_x', 'password', 'x')",
            "DELETE FROM credentials",
            "passwords: 1, of which 1 can't be read",
        ),
        (
            "CREATE TABLE kept AS SELECT * FROM effects LIMIT 1; DELETE FROM effects WHERE event_id IN (SELECT event_id FROM kept)",
            "INSERT INTO effects SELECT * FROM kept; DROP TABLE kept",
            "ledger of effects: DISAGREES with the log",
        ),
        (
            "INSERT INTO effects (event_id, kind, target, position, state)
             SELECT gen_random_uuid(), kind, 'nothing', position, 'done' FROM effects LIMIT 1",
            "DELETE FROM effects WHERE target = 'nothing'",
            "it has effects and is not in the log",
        ),
        ("DELETE FROM analytics.public_events WHERE position = 3", "", "the row of position 3"),
        // This one comes in front of it.
        ("UPDATE analytics.public_events SET payload = '{}' WHERE position = 1", "", "the row of position 1"),
    ] {
        database.execute(damage).await;
        let (said, is_well) = verified(&server);
        assert!(!is_well && said.contains(finding), "{damage}: {said}");
        if !repair.is_empty() {
            database.execute(repair).await;
            assert!(verified(&server).1, "{repair}");
        }
    }
}

/// 32 bytes that are no one's.
const ANOTHER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
