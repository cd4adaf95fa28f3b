//! What analysts ask the database: the table of public events, the views over it, and the role that may read them.

use std::collections::BTreeMap;

use daybook_core::config::Part;
use daybook_domain::policy::Role;
use daybook_tests::{TestApp, TestDatabase, until};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row, postgres::PgConnectOptions};

use crate::http::{
    orders::{order, place},
    poison::append,
};

/// An event of each kind that was ever stored.
const STORED: &str = include_str!("../../../../domain/testdata/stored_events.ndjson");

/// A shop whose public events are written to the table.
async fn shop() -> TestApp {
    let app = TestApp::start_with(|config| config.roles.push(Part::Publisher)).await;
    app.sell("TEA-1", 1999, 1_000).await;
    app
}

/// The table, as events are told elsewhere, but for their metadata.
async fn table(app: &TestApp) -> Vec<Value> {
    let rows = sqlx::query(
        "SELECT jsonb_build_object('position', position, 'event_id', event_id, 'stream', stream, 'sequence', sequence,
                                   'type', type, 'version', version, 'payload', payload)
           FROM analytics.public_events ORDER BY position",
    );
    let rows = rows.fetch_all(&app.database.superuser).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn told(app: &TestApp) -> Vec<Value> {
    let page = app.by(Role::Analyst).get("/v1/events?limit=100").await.expect(200).json();
    let mut events = page["data"].as_array().unwrap().clone();
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.remove("metadata");
        event.remove("recorded_at");
    }
    events
}

async fn is_whole(app: &TestApp) {
    until("the table has every event", async || {
        let log = app.operator().get("/admin/log").await.expect(200).json();
        log["analytics_position"] == log["head"]
    })
    .await;
    assert_eq!(table(app).await, told(app).await);
}

/// Catches: a column that is another one's; an event that isn't public; a time that is another one.
#[tokio::test(flavor = "multi_thread")]
async fn the_table_has_every_public_event() {
    let app = shop().await;
    let mut body = order(&[("TEA-1", 2)]);
    body["metadata"] = json!({"channel": "web"});
    let id = place(&app.customer("alice"), body).await;
    append(&app, "order", &id, "OrderTeleported", r#"{"to":"Mars"}"#).await;
    // No text of PostgreSQL has this character.
    append(&app, "stock", "TEA-1", "StockReceived", r#"{"quantity":5,"reference":"a\u0000b"}"#).await;
    until("the table has every event", async || {
        let log = app.operator().get("/admin/log").await.expect(200).json();
        log["analytics_position"] == log["head"]
    })
    .await;
    let (mut told, table) = (told(&app).await, table(&app).await);
    let last = told.last_mut().unwrap();
    assert_eq!(last["payload"]["reference"], "a\0b");
    last["payload"]["reference"] = "a\u{FFFD}b".into();
    assert_eq!(table, told);
    let other_times = app.database.count(
        "SELECT count(*) FROM analytics.public_events JOIN events USING (position)
          WHERE public_events.recorded_at <> events.recorded_at",
    );
    assert_eq!(other_times.await, 0);
}

/// Catches: rows that stay away after the table was emptied, or that are of another history.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_as_it_was_left_is_written_anew() {
    let app = shop().await;
    is_whole(&app).await;
    let receive = async || {
        let received = json!({"quantity": 1});
        app.by(Role::Warehouse).post("/v1/stock/TEA-1/receipts", received).await.expect(200);
    };
    let last = "position = (SELECT max(position) FROM analytics.public_events)";
    for damage in [
        "TRUNCATE analytics.public_events",
        "DELETE FROM checkpoints WHERE name = 'analytics'",
        &format!("DELETE FROM analytics.public_events WHERE {last}"),
    ] {
        // With and without something new to write.
        for is_busy in [true, false] {
            app.database.execute(damage).await;
            if is_busy {
                receive().await;
            }
            until(&format!("the table is whole after {damage}"), async || {
                table(&app).await == told(&app).await
            })
            .await;
        }
    }
    // As after a restore: the log has another event there.
    app.database
        .execute(&format!(
            "BEGIN;
             UPDATE analytics.public_events SET event_id = gen_random_uuid() WHERE {last};
             UPDATE checkpoints SET event_id = (SELECT event_id FROM analytics.public_events WHERE {last})
              WHERE name = 'analytics';
             COMMIT"
        ))
        .await;
    until("the table has the log's history", async || table(&app).await == told(&app).await).await;
}

/// A session of an analyst. The role is the whole server's, so it is made once.
async fn analyst(database: &TestDatabase) -> PgConnection {
    daybook_migrations::migrate(&database.superuser, daybook_tests::database::APP).await.unwrap();
    database.execute(&format!("ALTER ROLE {} PASSWORD 'a test'", daybook_migrations::ANALYST)).await;
    let options: PgConnectOptions = database.superuser_url().as_str().parse().unwrap();
    options.username(daybook_migrations::ANALYST).password("a test").connect().await.unwrap()
}

/// Catches: an analyst who sees what is stored, who changes something, or whose query takes all day.
#[tokio::test(flavor = "multi_thread")]
async fn analysts_read_the_views_and_nothing_else() {
    let app = shop().await;
    let mut body = order(&[("TEA-1", 2), ("TEA-1", 1)]);
    body["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
    let id = place(&app.customer("alice"), body).await;
    is_whole(&app).await;
    let mut session = analyst(&app.database).await;
    let placed = sqlx::query(
        "SELECT id, customer, total_amount, total_currency, contact_data, jsonb_array_length(lines) AS lines
           FROM order_placed",
    )
    .fetch_one(&mut session)
    .await
    .unwrap();
    assert_eq!(placed.get::<String, _>("id"), id);
    assert_eq!(placed.get::<String, _>("customer"), "alice");
    assert_eq!((placed.get::<i64, _>("total_amount"), placed.get::<i32, _>("lines")), (3 * 1999, 2));
    assert!(!placed.get::<String, _>("contact_data").contains("alice"));
    let pieces: Vec<(i64, String, i64, i64)> = sqlx::query_as(
        "SELECT number, sku, quantity, unit_price_amount FROM order_lines ORDER BY position, number",
    )
    .fetch_all(&mut session)
    .await
    .unwrap();
    assert_eq!(pieces, [(0, "TEA-1".into(), 2, 1999), (1, "TEA-1".into(), 1, 1999)]);
    let (count, last): (i64, i64) =
        sqlx::query_as("SELECT count(*), max(position) FROM events").fetch_one(&mut session).await.unwrap();
    assert_eq!(count, last);

    for sql in [
        "SELECT * FROM analytics.public_events",
        "SELECT * FROM public.events",
        "SELECT * FROM public.person_keys",
        "SELECT * FROM public.checkpoints",
        "SELECT * FROM public.audit",
        "SELECT public.append_batch('{}', '{}', '{}')",
        "CREATE TABLE analytics.mine (n int)",
        "CREATE TEMPORARY TABLE mine (n int)",
        "TRUNCATE analytics.public_events",
        "DELETE FROM order_placed",
        "SET ROLE daybook_app",
    ] {
        let refused = session.execute(sql).await.expect_err(sql);
        let code = refused.as_database_error().and_then(|error| error.code().map(|code| code.to_string()));
        let codes = ["42501", "25006", "42883", "55000"];
        assert!(code.as_deref().is_some_and(|code| codes.contains(&code)), "{sql}: {refused}");
    }
    let mut limits = BTreeMap::new();
    for limit in ["default_transaction_read_only", "statement_timeout", "idle_in_transaction_session_timeout"]
    {
        let value: String =
            sqlx::query_scalar(&format!("SHOW {limit}")).fetch_one(&mut session).await.unwrap();
        limits.insert(limit, value);
    }
    assert_eq!(limits.into_values().collect::<Vec<_>>(), ["on", "10s", "1min"]);
    session.close().await.unwrap();
}

/// Catches: a migration that waits for analysts' queries, or a view that stays as another release made it.
#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_made_again_only_where_it_differs() {
    let database = TestDatabase::new().await;
    let made = async || {
        database.count("SELECT xmin::text::bigint FROM pg_rewrite WHERE ev_class = 'analytics.order_placed'::regclass").await
    };
    let before = made().await;
    let mut reading = database.foreign_session().await;
    reading.execute("BEGIN; SELECT count(*) FROM analytics.order_placed").await.unwrap();
    database.migrate().await;
    assert_eq!(made().await, before);
    reading.execute("ROLLBACK").await.unwrap();
    // An earlier release knew fewer columns.
    let sql = "DROP VIEW analytics.order_delivered;
               CREATE VIEW analytics.order_delivered AS SELECT position FROM analytics.public_events";
    database.execute(&format!("{sql}; ALTER VIEW analytics.order_delivered OWNER TO daybook_owner")).await;
    database.migrate().await;
    let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'order_delivered'";
    assert_eq!(database.count(columns).await, 8);
}

/// Every view can be read, also of events that a newer release wrote.
#[tokio::test(flavor = "multi_thread")]
async fn every_view_can_be_read() {
    let app = shop().await;
    for line in STORED.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let text = |member: &str| event[member].as_str().unwrap();
        if text("version") == "1" {
            let payload = event["payload"].to_string().replace('\'', "''");
            append(&app, text("kind"), "N1", text("name"), &payload).await;
        }
    }
    is_whole(&app).await;
    let views: Vec<String> =
        sqlx::query_scalar("SELECT viewname::text FROM pg_views WHERE schemaname = 'analytics'")
            .fetch_all(&app.database.superuser)
            .await
            .unwrap();
    assert!(views.len() > 15, "{views:?}");
    for view in views {
        let sql = format!("SELECT * FROM analytics.{view}");
        let rows = sqlx::query(&sql).fetch_all(&app.database.superuser);
        let is_item = view.ends_with("_lines") || view.ends_with("_parcels");
        let rows = rows.await.unwrap_or_else(|error| panic!("{view}: {error}"));
        assert!(!rows.is_empty() || is_item || view == "internal", "{view} has no row");
    }
}
