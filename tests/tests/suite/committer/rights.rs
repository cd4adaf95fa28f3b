//! What the running server's role may not do, whatever the code says.

use daybook_domain::policy::Role;
use daybook_tests::{
    Shop, TestDatabase,
    database::APP,
    shop::{by, keyed, received},
    until,
};
use sqlx::{Connection, Executor, PgConnection};

async fn refused_with(connection: &mut PgConnection, sql: &str, state: &str) {
    let refusal = connection.execute(sql).await;
    let error = refusal.err().unwrap_or_else(|| panic!("allowed: {sql}"));
    let code = error.as_database_error().and_then(|error| error.code().map(|code| code.into_owned()));
    assert_eq!(code.as_deref(), Some(state), "{sql}: {error}");
}

const NO_RIGHT: &str = "42501";

/// Catches: log_can_be_changed.
#[tokio::test]
async fn the_running_server_cannot_change_the_log() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.close().await;
    let mut app = PgConnection::connect(database.app_url().as_str()).await.unwrap();
    for sql in [
        "UPDATE events SET payload = '{}'",
        "DELETE FROM events",
        "TRUNCATE events",
        "INSERT INTO events SELECT * FROM events",
        "ALTER TABLE events ADD COLUMN more int",
        "DROP TABLE events",
        "DELETE FROM idempotency_keys",
        "UPDATE idempotency_keys SET receipt = ''",
        "INSERT INTO idempotency_keys SELECT * FROM idempotency_keys",
        "INSERT INTO snapshots SELECT * FROM snapshots",
        "UPDATE snapshots SET state = '{}'",
        "DELETE FROM snapshots",
        "UPDATE audit SET actor = ''",
        "DELETE FROM audit",
        "UPDATE features SET name = ''",
        "DELETE FROM features",
        "UPDATE person_keys SET owner = ''",
        "CREATE TABLE mine (n int)",
        "CREATE OR REPLACE FUNCTION log_lock() RETURNS bigint LANGUAGE sql AS 'SELECT 1'",
        "SET session_replication_role = replica",
        "SET ROLE daybook_owner",
        "SELECT unlock_log('to try')",
    ] {
        refused_with(&mut app, sql, NO_RIGHT).await;
    }
    assert_eq!(database.count("SELECT count(*) FROM events").await, 2);
}

/// Catches: a change by hand that leaves no trace.
#[tokio::test]
async fn the_owner_changes_the_log_only_after_saying_why() {
    const APPEND_ONLY: &str = "23001";
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.close().await;
    let mut owner = PgConnection::connect(database.owner_url().as_str()).await.unwrap();
    owner
        .execute(
            "INSERT INTO audit (actor, action, target, outcome, request_id) VALUES ('a', 'b', 'c', 'd', 'e')",
        )
        .await
        .unwrap();
    let changes = [
        "UPDATE events SET payload = '{}'",
        "DELETE FROM events WHERE false",
        "TRUNCATE events",
        "UPDATE audit SET actor = ''",
        "DELETE FROM audit",
        "TRUNCATE audit",
    ];
    for sql in changes {
        refused_with(&mut owner, sql, APPEND_ONLY).await;
    }
    refused_with(&mut owner, "SELECT unlock_log(' ')", "22023").await;
    owner
        .execute(
            "BEGIN; SELECT unlock_log('the postcode of case 7'); UPDATE events SET payload = '{}'; COMMIT",
        )
        .await
        .unwrap();
    assert_eq!(database.count("SELECT count(*) FROM events WHERE payload::text = '{}'").await, 2);
    let said = "SELECT count(*) FROM audit WHERE action = 'unlock_log' AND reason = 'the postcode of case 7'
                AND actor = 'daybook_owner'";
    assert_eq!(database.count(said).await, 1);
    for sql in changes {
        refused_with(&mut owner, sql, APPEND_ONLY).await;
    }
}

/// Whatever wrote it, and with all rights. Catches: unique_constraint_dropped.
#[tokio::test]
async fn two_events_cannot_have_one_place() {
    const TAKEN: &str = "23505";
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    shop.close().await;
    let mut owner = PgConnection::connect(database.owner_url().as_str()).await.unwrap();
    for (id, position) in [("aggregate_id", "position + 100"), ("'ELSEWHERE'", "position")] {
        let copy = format!(
            "INSERT INTO events
             SELECT aggregate_type, {id}, sequence, event_type, event_version, payload, metadata, {position},
                    gen_random_uuid(), recorded_at
               FROM events"
        );
        refused_with(&mut owner, &copy, TAKEN).await;
    }
}

/// Catches: append_for_everybody.
#[tokio::test]
async fn nobody_else_can_append() {
    let database = TestDatabase::new().await;
    let role = format!("stranger_{}", daybook_tests::shop::new_id().simple());
    database.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'x'")).await;
    let mut url = database.app_url();
    url.set_username(&role).unwrap();
    url.set_password(Some("x")).unwrap();
    let mut stranger = PgConnection::connect(url.as_str()).await.unwrap();
    let arguments =
        database.count("SELECT pronargs::bigint FROM pg_proc WHERE proname = 'append_batch'").await;
    let nulls = vec!["NULL"; usize::try_from(arguments).unwrap()].join(", ");
    refused_with(&mut stranger, &format!("SELECT append_batch({nulls})"), NO_RIGHT).await;
    refused_with(&mut stranger, "SELECT forget_idempotency_keys(1)", NO_RIGHT).await;
    refused_with(&mut stranger, "SELECT write_snapshots(NULL, NULL, NULL, NULL, NULL, NULL)", NO_RIGHT).await;
    refused_with(&mut stranger, "SELECT * FROM events", NO_RIGHT).await;
    refused_with(&mut stranger, "SELECT * FROM person_keys", NO_RIGHT).await;
    stranger.close().await.unwrap();
    database.execute(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn the_running_server_makes_its_own_read_tables_and_no_others() {
    let database = TestDatabase::new().await;
    let mut app = PgConnection::connect(database.app_url().as_str()).await.unwrap();
    for sql in ["CREATE TABLE read.mine_g1 (n int)", "DROP TABLE read.mine_g1"] {
        app.execute(sql).await.unwrap();
    }
    refused_with(&mut app, "CREATE SCHEMA another", NO_RIGHT).await;
    refused_with(&mut app, "CREATE TABLE public.mine (n int)", NO_RIGHT).await;
    let superuser = "SELECT count(*) FROM pg_roles WHERE rolname = current_user AND rolsuper";
    assert_eq!(sqlx::query_scalar::<_, i64>(superuser).fetch_one(&mut app).await.unwrap(), 0);
    assert_eq!(
        sqlx::query_scalar::<_, String>("SELECT current_user::text").fetch_one(&mut app).await.unwrap(),
        APP
    );
}

/// Someone's function of the same name must not be called with the owner's rights.
#[tokio::test]
async fn the_append_function_looks_only_where_its_owner_put_things() {
    let database = TestDatabase::new().await;
    let unsafe_functions = "SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE n.nspname = 'public' AND p.prosecdef
           AND NOT coalesce(p.proconfig::text LIKE '%search_path=public, pg_temp%', false)";
    assert_eq!(database.count(unsafe_functions).await, 0);
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    let database = TestDatabase::new().await;
    let options = daybook_migrations::connect_options(database.owner_url().as_str(), "again").unwrap();
    let pool = daybook_migrations::pool(options, 2, std::time::Duration::from_secs(10));
    let (one, other) =
        tokio::join!(daybook_migrations::migrate(&pool, APP), daybook_migrations::migrate(&pool, APP));
    one.unwrap();
    other.unwrap();
    daybook_migrations::check_schema(&pool).await.unwrap();
    pool.close().await;
}

/// Catches: a large log whose new index takes longer than a statement may.
#[tokio::test]
async fn a_migration_may_take_longer_than_other_statements() {
    let database = TestDatabase::new().await;
    database
        .execute(
            "CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.2); END $$;
             CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('REVOKE') EXECUTE FUNCTION slow()",
        )
        .await;
    let options = daybook_migrations::connect_options(database.owner_url().as_str(), "slow").unwrap();
    let pool = daybook_migrations::pool(
        options.options([("statement_timeout", "100")]),
        1,
        std::time::Duration::from_secs(10),
    );
    daybook_migrations::migrate(&pool, APP).await.unwrap();
    pool.close().await;
}

/// Catches: a long query that makes `migrate` wait, and with it everyone who comes to the same table.
#[tokio::test]
async fn a_migration_lets_others_go_on_instead_of_waiting_for_a_lock() {
    let database = TestDatabase::new().await;
    let mut foreign = database.foreign_session().await;
    foreign.execute("BEGIN; LOCK TABLE _sqlx_migrations").await.unwrap();
    let options = daybook_migrations::connect_options(database.owner_url().as_str(), "waits").unwrap();
    let pool = daybook_migrations::pool(options, 1, std::time::Duration::from_secs(10));
    let waits = async || database.waiting_for_lock("waits").await > 0;
    let others_go_on = async {
        for _ in 0..2 {
            until("it waits", waits).await;
            until("it lets others go on", async || !waits().await).await;
        }
        foreign.close().await.unwrap();
    };
    let (migrated, ()) = tokio::join!(daybook_migrations::migrate(&pool, APP), others_go_on);
    migrated.unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database =
                (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(database.count(held).await, 0, "and holds nothing afterwards");
    pool.close().await;
}

#[tokio::test]
async fn a_schema_that_is_too_old_is_noticed() {
    let database = TestDatabase::new().await;
    database
        .execute("DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)")
        .await;
    let options = daybook_migrations::connect_options(database.app_url().as_str(), "old").unwrap();
    let pool = daybook_migrations::pool(options, 1, std::time::Duration::from_secs(10));
    assert!(daybook_migrations::check_schema(&pool).await.is_err());
    pool.close().await;
}

#[tokio::test]
async fn answers_are_forgotten_after_a_week() {
    let database = TestDatabase::new().await;
    let shop = Shop::open(&database.app_url(), "shop");
    shop.sell("TEAPOT", 1999).await;
    for key in ["old", "older", "new"] {
        shop.ask(keyed(by(Role::Warehouse), key), received("TEAPOT", 1)).await.unwrap();
    }
    database
        .execute("UPDATE idempotency_keys SET created_at = created_at - interval '7 days 1 minute' WHERE key <> 'new'")
        .await;
    let mut app = PgConnection::connect(database.app_url().as_str()).await.unwrap();
    let mut forget = async || {
        sqlx::query_scalar::<_, i64>("SELECT forget_idempotency_keys(1)").fetch_one(&mut app).await.unwrap()
    };
    assert_eq!((forget().await, forget().await, forget().await), (1, 1, 0));
    assert_eq!(database.count("SELECT count(*) FROM idempotency_keys").await, 1);
    shop.close().await;
}
