//! Both releases, one database, one broker, one folder.

use std::{path::Path, sync::Arc, time::Duration};

use super::release::Release;
use crate::{
    Client, Daybook, Home, OwnNats, OwnPostgres, Program, TestDatabase, chaos::stock_up, until::within,
};

/// How long a release may take to end after SIGTERM: its grace time, and something beyond it.
const ENDS: Duration = Duration::from_secs(25);
/// How long the other one may take to come to where the log was.
const TAKES_OVER: Duration = Duration::from_secs(30);

pub struct Stage {
    /// The former release and this one.
    servers: [Daybook; 2],
    /// Without a token, at no server.
    pub client: Client,
    pub takeovers: u64,
    /// Consumers of the former release, which carries and projects no others.
    former_consumers: Vec<String>,
    /// What went wrong.
    pub surprises: Vec<String>,
    pub database: TestDatabase,
    _nats: OwnNats,
    _postgres: OwnPostgres,
}

/// A server of a release, which is not started. Its log stays where there is a folder for logs.
pub(super) fn server(
    home: &Arc<Home>,
    database: &TestDatabase,
    nats: &OwnNats,
    logs: Option<&Path>,
    name: &str,
    program: &Program,
) -> Daybook {
    let server = Daybook::new(home, name, &database.app_url(), &nats.url()).of(program);
    match logs {
        Some(folder) => server.logging_to(folder.join(format!("{name}.log"))),
        None => server,
    }
}

impl Stage {
    /// The former release runs on a schema, with keys and in a folder of its own making, and there is
    /// something to be bought. This release is not started.
    pub async fn set(former: &Program, logs: Option<&Path>) -> Self {
        let postgres = OwnPostgres::durable();
        let database = TestDatabase::empty_on(&postgres.url()).await;
        let nats = OwnNats::start();
        let home = Home::made_by(former);
        let server = |name: &str, program: &Program| server(&home, &database, &nats, logs, name, program);
        let mut servers = [server("former", former), server("this", &Program::this())];
        servers[0].migrate(&database);
        servers[0].start();
        let client = Client::new(String::new());
        stock_up(&client, &servers[0]).await;
        let (takeovers, former_consumers, surprises) = (0, vec![], vec![]);
        Self {
            servers,
            client,
            takeovers,
            former_consumers,
            surprises,
            database,
            _nats: nats,
            _postgres: postgres,
        }
    }

    pub fn both(&self) -> [&Daybook; 2] {
        self.servers.each_ref()
    }

    pub fn at(&self, release: Release) -> &Daybook {
        &self.servers[release.place()]
    }

    /// This release migrates and starts while the former one serves.
    pub async fn upgrade(&mut self) {
        let consumers = sqlx::query_scalar("SELECT DISTINCT name FROM checkpoints");
        self.former_consumers = consumers.fetch_all(&self.database.superuser).await.expect("checkpoints");
        self.servers[1].migrate(&self.database);
        self.servers[1].start();
    }

    /// What the former release can't read isn't turned on while it is there.
    pub async fn expect_kept_back(&mut self) {
        let enable = ["features", "enable", "--all", "--reason", "all is new"];
        let ended = self.servers[1].command(&enable).output().expect("the program runs");
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        let enabled = self.database.count("SELECT count(*) FROM features").await;
        if ended.status.success() || !told.contains("release 0.1") || enabled > 0 {
            self.surprises
                .push(format!("beside the former release, {enabled} features were enabled: {told}"));
        }
    }

    pub fn start(&mut self, release: Release) {
        self.servers[release.place()].start();
    }

    /// By SIGTERM: with success, and within its grace time.
    pub async fn stop(&mut self, release: Release) {
        let server = &mut self.servers[release.place()];
        server.terminate();
        let mut status = None;
        within(ENDS, async || {
            status = server.ended();
            status.is_some()
        })
        .await;
        server.kill();
        if !status.is_some_and(|status| status.success()) {
            self.surprises.push(format!("after SIGTERM, {release:?} ended with {status:?}"));
        }
    }

    /// The one that is left carries, projects and performs everything that was in the log by now, as far as it
    /// knows what there is to be carried and projected.
    pub async fn expect_taken_over(&mut self, left: Release) {
        let head = self.database.count("SELECT max(position) FROM events").await;
        let unknown = match left {
            // It is gone, and this release knows all of them.
            Release::Former => String::new(),
            Release::This => format!(" AND name IN ('{}')", self.former_consumers.join("', '")),
        };
        let behind = format!(
            "SELECT (SELECT count(*) FROM checkpoints WHERE (position < {head} OR state <> 'running'){unknown})
                  + (SELECT count(*) FROM effects WHERE position <= {head} AND state = 'pending')"
        );
        if within(TAKES_OVER, async || self.database.count(&behind).await == 0).await {
            self.takeovers += 1;
        } else {
            let consumers: Vec<(String, i32, i64, String)> =
                sqlx::query_as("SELECT name, generation, position, state FROM checkpoints")
                    .fetch_all(&self.database.superuser)
                    .await
                    .unwrap_or_default();
            self.surprises.push(format!("{left:?} left at {head}, and {consumers:?}"));
        }
    }
}
