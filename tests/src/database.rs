//! A migrated database for one test, a copy of a template that is made once for a run.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash, Hasher},
    time::Duration,
};

use daybook_domain::feature::Feature;
use sqlx::{Connection, Executor, PgConnection, PgPool, postgres::PgConnectOptions};
use url::Url;
use uuid::Uuid;

use crate::{plant, shop::new_id, until::finish};

pub const OWNER: &str = "daybook_owner";
/// The role of the running server.
pub const APP: &str = "daybook_app";
/// The password of both roles; the server vanishes with the run.
const PASSWORD: &str = "of-the-tests";
/// Held while roles and template are made. Any number of our own.
const TEMPLATE_LOCK: i64 = 7_205_759_403_792_793;

/// Dropped with the test.
pub struct TestDatabase {
    server: Url,
    name: String,
    pub superuser: PgPool,
}

impl TestDatabase {
    /// On the server that `./dev test` started.
    pub async fn new() -> Self {
        Self::on(&server_url()).await
    }

    /// `server` is a superuser's URL.
    pub async fn on(server: &Url) -> Self {
        let template = make_template(server).await;
        let database = Self::made(server, &format!("TEMPLATE {template}")).await;
        plant::plant(&database.superuser).await;
        database
    }

    /// Without a schema, on the server that `./dev test` started.
    pub async fn empty() -> Self {
        Self::empty_on(&server_url()).await
    }

    /// Without a schema. `server` is a superuser's URL.
    pub async fn empty_on(server: &Url) -> Self {
        make_template(server).await;
        Self::made(server, "").await
    }

    /// Made for English, which puts `a` before `B`.
    pub async fn in_english() -> Self {
        let server = server_url();
        make_template(&server).await;
        let database = Self::made(&server, "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'").await;
        database.migrate().await;
        database
    }

    /// The same, with these features.
    pub async fn having(self, features: &[Feature]) -> Self {
        for feature in features {
            self.execute(&format!("INSERT INTO features (name, enabled_by) VALUES ('{feature}', 'a test')"))
                .await;
        }
        self
    }

    /// Again, if it is done.
    pub async fn migrate(&self) {
        migrate(&self.owner_url()).await;
    }

    async fn made(server: &Url, options: &str) -> Self {
        let name = format!("t_{}", new_id().simple());
        let mut postgres = connect(server).await;
        run(&mut postgres, &format!("CREATE DATABASE {name} OWNER {OWNER} {options}")).await;
        close(postgres).await;
        let options: PgConnectOptions = with_path(server, &name).as_str().parse().expect("a URL");
        let superuser =
            daybook_migrations::pool(options.application_name("the test itself"), 4, Duration::from_secs(30));
        Self { server: server.clone(), name, superuser }
    }

    pub fn owner_url(&self) -> Url {
        with_role(&with_path(&self.server, &self.name), OWNER)
    }

    pub fn app_url(&self) -> Url {
        with_role(&with_path(&self.server, &self.name), APP)
    }

    pub fn superuser_url(&self) -> Url {
        with_path(&self.server, &self.name)
    }

    /// A single connection of the superuser, for a transaction that is held open.
    pub async fn foreign_session(&self) -> PgConnection {
        connect(&self.superuser_url()).await
    }

    /// Runs SQL as the superuser.
    pub async fn execute(&self, sql: &str) {
        let ran = self.superuser.execute(sql).await;
        ran.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs SQL that changes what the log holds.
    pub async fn change_log(&self, sql: &str) {
        self.execute(&format!("BEGIN; SELECT unlock_log('a test damages it'); {sql}; COMMIT")).await;
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let counted = sqlx::query_scalar(sql).fetch_one(&self.superuser).await;
        counted.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// So many receipts of one piece, put into the log behind the committer's back.
    pub async fn lengthen(&self, code: &str, events: i64) {
        self.execute(&format!(
            "INSERT INTO events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
                                 metadata, position, event_id, recorded_at)
             SELECT 'stock', '{code}', s.last + n, 'StockReceived', '1', '{{\"quantity\":1}}', '{{}}', l.head + n,
                    gen_random_uuid(), l.time
               FROM generate_series(1, {events}) AS n,
                    (SELECT coalesce(max(sequence), 0) AS last FROM events
                      WHERE aggregate_type = 'stock' AND aggregate_id = '{code}') s,
                    (SELECT coalesce(max(position), 0) AS head, coalesce(max(recorded_at), now()) AS time
                       FROM events) l"
        ))
        .await;
    }

    /// Ends the sessions whose `application_name` this is, and says how many there were.
    pub async fn kill_sessions(&self, application_name: &str) -> i64 {
        sqlx::query_scalar(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = $1",
        )
        .bind(application_name)
        .fetch_one(&self.superuser)
        .await
        .expect("sessions can be ended")
    }

    /// How many sessions of that name wait for a lock.
    pub async fn waiting_for_lock(&self, application_name: &str) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'
                AND query NOT LIKE '%pg_table_size%'",
        )
        .bind(application_name)
        .fetch_one(&self.superuser)
        .await
        .expect("sessions can be counted")
    }

    /// How many sessions wait for a lock in a query that has these words.
    pub async fn queries_waiting_for_lock(&self, words: &str) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
              WHERE datname = current_database() AND position($1 in query) > 0 AND wait_event_type = 'Lock'",
        )
        .bind(words)
        .fetch_one(&self.superuser)
        .await
        .expect("sessions can be counted")
    }
}

impl Drop for TestDatabase {
    /// As well as it goes: the server is a temporary one.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        finish(Duration::from_secs(5), async move {
            let Ok(mut postgres) = PgConnection::connect(server.as_str()).await else { return };
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let _ = postgres.execute(drop.as_str()).await;
        });
    }
}

/// The superuser's URL of the server of this run.
pub fn server_url() -> Url {
    let url = std::env::var("TEST_POSTGRES_URL");
    let url = url.expect("no PostgreSQL to test with (TEST_POSTGRES_URL is not set): run ./dev test");
    url.parse().expect("TEST_POSTGRES_URL is a URL")
}

/// Makes roles and template if this run hasn't yet, and returns the template's name.
async fn make_template(server: &Url) -> String {
    let template = format!("daybook_test_template_{:016x}", fingerprint());
    let mut postgres = connect(server).await;
    let exists = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";
    // Only a finished one has its name.
    if sqlx::query_scalar::<_, bool>(exists)
        .bind(&template)
        .fetch_one(&mut postgres)
        .await
        .expect("a catalogue")
    {
        close(postgres).await;
        return template;
    }
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut postgres)
        .await
        .expect("whoever makes the template gets done with it");
    if !sqlx::query_scalar::<_, bool>(exists)
        .bind(&template)
        .fetch_one(&mut postgres)
        .await
        .expect("a catalogue")
    {
        make_roles(&mut postgres).await;
        let unfinished = format!("unfinished_{}", Uuid::simple(new_id()));
        run(&mut postgres, &format!("CREATE DATABASE {unfinished} OWNER {OWNER}")).await;
        migrate(&with_role(&with_path(server, &unfinished), OWNER)).await;
        run(&mut postgres, &format!("ALTER DATABASE {unfinished} RENAME TO {template}")).await;
    }
    close(postgres).await;
    template
}

async fn make_roles(postgres: &mut PgConnection) {
    for role in [OWNER, APP] {
        run(
            postgres,
            &format!(
                "DO $$ BEGIN
                   IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                     CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}';
                   END IF;
                 END $$"
            ),
        )
        .await;
    }
}

async fn migrate(owner: &Url) {
    let options = daybook_migrations::connect_options(owner.as_str(), "migrations").expect("a URL");
    let pool = daybook_migrations::pool(options, 1, Duration::from_secs(30));
    daybook_migrations::migrate(&pool, APP).await.expect("the migrations run");
    pool.close().await;
}

/// The hash of this build, in which the migrations are embedded: a template of another one is never used.
fn fingerprint() -> u64 {
    let program = std::env::current_exe().expect("a running program");
    let file = std::fs::metadata(&program).expect("its file");
    let mut hasher = DefaultHasher::new();
    (program, file.len(), file.modified().expect("a time")).hash(&mut hasher);
    hasher.finish()
}

async fn connect(url: &Url) -> PgConnection {
    PgConnection::connect(url.as_str())
        .await
        .unwrap_or_else(|error| panic!("no PostgreSQL at {url}: {error}"))
}

async fn close(connection: PgConnection) {
    connection.close().await.expect("a connection can be closed");
}

async fn run(connection: &mut PgConnection, sql: &str) {
    let ran = connection.execute(sql).await;
    ran.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn with_path(url: &Url, database: &str) -> Url {
    let mut url = url.clone();
    url.set_path(database);
    url
}

fn with_role(url: &Url, role: &str) -> Url {
    let mut url = url.clone();
    url.set_username(role).expect("such URLs have users");
    url.set_password(Some(PASSWORD)).expect("such URLs have users");
    url
}
