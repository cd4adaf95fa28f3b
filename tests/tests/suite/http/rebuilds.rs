//! Rebuilds that meet something, and verifications that find something.

use std::time::{Duration, Instant};

use daybook_tests::{TestApp, TestDatabase, until};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use super::{
    operators::{rebuilt, verified},
    orders::{order, place},
};

/// Orders beside the one that is there, each placed and confirmed: enough for more than one thread.
const ORDERS: i64 = 6_000;
/// Any number of our own.
const HELD: i64 = 7_205_759_403_792_794;
/// A rebuild that was given up is noticed within a second, and a session whose client has gone within
/// another one. The rest is for a machine that is busy; a lock is waited for longer.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(6);

/// Writes them at once, as copies. No stock knows of them.
pub async fn many_orders(database: &TestDatabase, orders: i64) {
    let copy = |what: &str, sequence: i64, payload: &str| {
        format!(
            "INSERT INTO events
             SELECT 'order', id, {sequence}, '{what}', '1', {payload}, metadata, head + number, gen_random_uuid(),
                    recorded_at
               FROM (SELECT row_number() OVER (ORDER BY id) AS number, * FROM many_orders) o,
                    (SELECT payload, metadata FROM events WHERE event_type = 'OrderPlaced' LIMIT 1) e,
                    (SELECT max(position) AS head, max(recorded_at) AS recorded_at FROM events) h;"
        )
    };
    let ids = format!(
        "CREATE TABLE many_orders AS
         SELECT 'ord_' || gen_random_uuid() AS id FROM generate_series(1, {orders});"
    );
    let all = [
        ids,
        copy("OrderPlaced", 1, "payload"),
        copy("OrderConfirmed", 2, "'{}'"),
        "ANALYZE events; SELECT pg_notify('daybook_log', (SELECT max(position) FROM events)::text)"
            .to_owned(),
    ];
    database.execute(&all.concat()).await;
}

/// Whatever a trigger like this would let happen waits, until it is dropped.
pub struct Hold {
    session: PgConnection,
    table: String,
}

impl Hold {
    /// `trigger`: `BEFORE … ON … FOR EACH ROW …`.
    pub async fn at(database: &TestDatabase, trigger: &str) -> Self {
        let mut session = database.foreign_session().await;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(HELD).execute(&mut session).await.unwrap();
        database
            .execute(&format!(
                "CREATE OR REPLACE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN PERFORM pg_advisory_xact_lock({HELD}); RETURN NEW; END $$;
                 CREATE TRIGGER held {trigger} EXECUTE FUNCTION hold()"
            ))
            .await;
        let (_, table) = trigger.split_once(" ON ").expect("a table");
        let table = table.split(' ').next().expect("its name").to_owned();
        Self { session, table }
    }

    pub async fn is_met(database: &TestDatabase) -> bool {
        let waiting = format!(
            "SELECT count(*) FROM pg_locks
              WHERE locktype = 'advisory' AND NOT granted AND objid = ({HELD} & 4294967295)::oid"
        );
        database.count(&waiting).await > 0
    }

    pub async fn release(self, database: &TestDatabase) {
        self.session.close().await.unwrap();
        database.execute(&format!("DROP TRIGGER held ON {}", self.table)).await;
    }
}

async fn ask(app: &TestApp) -> String {
    let begun = app.operator().post("/admin/projections/orders/rebuilds", json!({})).await.expect(202);
    begun.header("location").unwrap().to_owned()
}

/// The table of the generation in service.
async fn live_table(app: &TestApp) -> String {
    let generation =
        app.operator().get("/admin/projections/orders").await.expect(200).json()["generation"].clone();
    format!("read.orders_g{generation}")
}

async fn no_sessions(database: &TestDatabase) {
    let sessions = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'daybook rebuild'";
    until("sessions of rebuilds have ended", async || database.count(sessions).await == 0).await;
}

/// The one in service and the one before, and nothing that is never served again.
pub async fn no_litter(database: &TestDatabase, generations: i64) {
    no_litter_of(database, "orders", generations, generations).await;
}

/// The same of any read model, which may have several tables for each generation.
pub async fn no_litter_of(database: &TestDatabase, model: &str, generations: i64, tables: i64) {
    let count = async |what: &str| database.count(&format!("SELECT count(*) FROM {what}")).await;
    no_sessions(database).await;
    until("generations that nobody needs are gone", async || {
        count(&format!("pg_tables WHERE schemaname = 'read' AND tablename LIKE '{model}\\_g%'")).await
            == tables
            && count(&format!("checkpoints WHERE name = '{model}'")).await == generations
    })
    .await;
}

async fn verification(app: &TestApp) -> Value {
    verification_of(app, "orders").await
}

/// What a verification finds in this read model.
pub async fn verification_of(app: &TestApp, read_model: &str) -> Value {
    let found = app.operator().post("/admin/verifications", json!({})).await.expect(200).json();
    let models = found["read_models"].as_array().unwrap();
    models.iter().find(|model| model["read_model"] == read_model).unwrap().clone()
}

/// Each is put right again before the next one. Catches: rows behind the last stream that are not looked
/// at; a stream that is passed over when its row is missing; positions that are not compared; columns
/// that are not compared; a sequence that is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_verification_finds_whatever_is_wrong_with_a_row() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    many_orders(&app.database, ORDERS).await;
    app.settle().await;
    let rebuild = rebuilt(&app, &ask(&app).await).await;
    assert_eq!(rebuild["state"], "done", "{rebuild}");
    let table = live_table(&app).await;
    app.database.execute(&format!("CREATE TABLE saved AS SELECT * FROM {table}")).await;
    let right = verification(&app).await;
    let counted = (&right["differences"], &right["rows"], &right["events"]);
    assert_eq!(counted, (&json!(0), &json!(ORDERS + 1), &json!(2 * ORDERS + 1)), "{right}");
    let number = |n: i64| format!("(SELECT id FROM saved ORDER BY id OFFSET {n} LIMIT 1)");
    let (first, middle, last) = (number(0), number(ORDERS / 2), number(ORDERS));
    let surplus = |id: &str| {
        format!(
            "INSERT INTO {table} SELECT {id}, version, position, status, customer, placed_position, doc
               FROM saved LIMIT 1"
        )
    };
    let another = |what: &str| format!("UPDATE {table} SET {what} WHERE id = {middle}");
    for (tampering, differences, said) in [
        (format!("DELETE FROM {table} WHERE id = {first}"), 1, "the row is missing"),
        (format!("DELETE FROM {table} WHERE id = {middle}"), 1, "the row is missing"),
        (format!("DELETE FROM {table} WHERE id = {last}"), 1, "the row is missing"),
        (format!("DELETE FROM {table} WHERE id > {middle}"), ORDERS / 2, "the row is missing"),
        (format!("DELETE FROM {table}"), ORDERS + 1, "the row is missing"),
        (surplus("'A'"), 1, "no event of it"),
        (surplus(&format!("{middle} || '-'")), 1, "no event of it"),
        (surplus("'z'"), 1, "no event of it"),
        (format!("{}; {}", surplus("'A'"), another("version = 7")), 2, "no event of it"),
        (format!("UPDATE {table} SET id = id || '-' WHERE id = {middle}"), 2, "the row is missing"),
        (another("doc = replace(doc::text, 'confirmed', 'delivered')::json"), 1, "content differs"),
        (another("doc = (doc::text || ' ')::json"), 1, "content differs"),
        (another("customer = 'bob'"), 1, "content differs"),
        (another("customer = NULL"), 1, "content differs"),
        (another("placed_position = placed_position + 1"), 1, "content differs"),
        (another("version = version - 1"), 1, "version 1 at position"),
        (another("position = position - 1"), 1, "the log says 2 at"),
    ] {
        app.database.execute(&tampering).await;
        let found = verification(&app).await;
        assert_eq!(found["differences"], differences, "{tampering}: {found}");
        let first_difference = found["first_difference"].as_str().unwrap();
        assert!(first_difference.contains(said), "{tampering}: {found}");
        app.database.execute(&format!("TRUNCATE {table}; INSERT INTO {table} SELECT * FROM saved")).await;
    }
    assert_eq!(verification(&app).await["differences"], 0);
    // The log itself has lost an event of one stream, and the first one of another.
    for (sequence, of) in [(1, &middle), (1, &first)] {
        app.database
            .change_log(&format!("DELETE FROM events WHERE aggregate_id = {of} AND sequence = {sequence}"))
            .await;
    }
    let found = verification(&app).await;
    assert_eq!(found["differences"], 2, "{found}");
    assert!(found["first_difference"].as_str().unwrap().contains("the log has no event 1"), "{found}");
    // Nor is such a log put into service.
    let rebuild = rebuilt(&app, &ask(&app).await).await;
    assert_eq!((&rebuild["state"], &rebuild["verification"]["differences"]), (&json!("failed"), &json!(2)));
    assert_eq!(live_table(&app).await, table);
    no_litter(&app.database, 2).await;
}

/// It waits for a lock in the middle of its work, all its threads do, so that it is met there.
/// Catches: threads that go on for a rebuild that was given up; a table that stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_that_is_given_up_in_the_middle_ends_at_once_and_leaves_nothing() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let begins_to_verify = "BEFORE UPDATE ON rebuilds FOR EACH ROW WHEN (NEW.state = 'verifying')";
    let hold = Hold::at(&app.database, begins_to_verify).await;
    let location = ask(&app).await;
    until("it is filled", async || Hold::is_met(&app.database).await).await;
    let mut foreign = app.database.foreign_session().await;
    foreign.execute("BEGIN; LOCK TABLE read.orders_g2 IN ACCESS EXCLUSIVE MODE").await.unwrap();
    hold.release(&app.database).await;
    until("a thread and the making of indexes wait for the table", async || {
        app.database.waiting_for_lock("daybook rebuild").await == 2
    })
    .await;
    let again = app.operator().post("/admin/projections/orders/rebuilds", json!({})).await;
    assert_eq!(again.refusal(), "409 already_running");
    let given_up = Instant::now();
    assert_eq!(app.operator().delete(&location).await.expect(200).json()["state"], "cancelled");
    no_sessions(&app.database).await;
    assert!(given_up.elapsed() < GIVEN_UP_WITHIN, "{:?}", given_up.elapsed());
    foreign.execute("ROLLBACK").await.unwrap();
    no_litter(&app.database, 1).await;
    assert_eq!(app.operator().get(&location).await.json()["state"], "cancelled");
    // Nothing is in the way of the next one.
    assert_eq!(rebuilt(&app, &ask(&app).await).await["state"], "done");
    alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    no_litter(&app.database, 2).await;
    verified(&app).await;
}

/// Catches: a rebuild that tries again and again; one that passes over what it can't read.
#[tokio::test(flavor = "multi_thread")]
async fn a_rebuild_fails_at_a_poison_event_by_name_and_passes_over_it_when_told_to() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    app.settle().await;
    let event = "019b0000-0000-7000-8000-00000000dead";
    app.database
        .execute(&format!(
            "INSERT INTO events SELECT 'order', '{id}', 2, 'OrderTeleported', '1', '{{}}', '{{}}',
                    max(position) + 1, '{event}', clock_timestamp() FROM events;
             SELECT pg_notify('daybook_log', (SELECT max(position) FROM events)::text)"
        ))
        .await;
    let operator = app.operator();
    let letter = async || {
        let letters = operator.get("/admin/dead-letters").await.expect(200).json();
        let of_orders =
            letters.as_array().unwrap().iter().find(|letter| letter["consumer"] == "orders").cloned();
        of_orders.map(|letter| letter["id"].as_str().unwrap().to_owned())
    };
    until("the projection is parked there", async || letter().await.is_some()).await;
    let table = live_table(&app).await;
    let failed = rebuilt(&app, &ask(&app).await).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    let failure = failed["verification"]["failure"].as_str().unwrap();
    assert!(failure.contains(event) && failure.contains("OrderTeleported"), "{failure}");
    assert_eq!(live_table(&app).await, table);
    no_litter(&app.database, 1).await;

    let skip = format!("/admin/dead-letters/{}/skip", letter().await.unwrap());
    operator.post(&skip, json!({"reason": "nobody teleports"})).await.expect(200);
    let done = rebuilt(&app, &ask(&app).await).await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(alice.get(&format!("/v1/orders/{id}")).await.expect(200).json()["status"], "placed");
    assert_eq!(verification(&app).await["differences"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rollback_the_next_rebuild_is_one_like_any_other() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    place(&alice, order(&[("TEA-1", 1)])).await;
    app.settle().await;
    for _ in 0..2 {
        assert_eq!(rebuilt(&app, &ask(&app).await).await["state"], "done");
    }
    assert_eq!(live_table(&app).await, "read.orders_g3");
    app.operator().post("/admin/projections/orders/rollback", json!({})).await.expect(200);
    assert_eq!(live_table(&app).await, "read.orders_g2");
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    assert_eq!(rebuilt(&app, &ask(&app).await).await["state"], "done");
    assert_eq!(live_table(&app).await, "read.orders_g4");
    alice.get(&format!("/v1/orders/{id}")).await.expect(200);
    no_litter(&app.database, 2).await;
    verified(&app).await;
}
