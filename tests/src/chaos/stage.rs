//! All the servers, and how each fault is done to them.

use std::{path::Path, time::Duration};

use daybook_domain::{policy::Role, settings::Span};
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use sqlx::{Executor, PgConnection};
use tokio::time::{sleep, timeout};

use super::fault::{Fault, Kind};
use crate::{
    Client, Daybook, Home, OwnNats, OwnPostgres, Proxy, TestDatabase,
    proxy::Weather,
    server::{Signal, send},
    until,
    until::within,
};

/// So few pieces that they are sold out again and again.
pub const SCARCE: usize = 4;
/// SKUs of which there is enough.
pub const PLENTY: usize = 60;
const SCARCE_PIECES: i64 = 30;
const PLENTY_PIECES: i64 = 100_000;
/// How long a process is looked for at the one moment at which it is to be stopped.
const HUNT: Duration = Duration::from_secs(3);
/// The grace time of the servers, and what they may take beyond it to be gone, s.
const GRACE_S: u64 = 10;
const BEYOND_GRACE_S: u64 = 3;

pub struct Stage {
    pub servers: [Daybook; 2],
    proxies: [Proxy; 2],
    nats: OwnNats,
    /// A client without a token and a server. There is one for all, because it is expensive to make.
    pub client: Client,
    /// Held open on purpose.
    foreign: Vec<PgConnection>,
    /// Holds what others wait for.
    holder: Option<PgConnection>,
    /// Backends that stand still.
    frozen: Vec<u32>,
    /// Which sessions and backends are hit.
    dice: StdRng,
    /// What went wrong that wasn't asked for.
    pub surprises: Vec<String>,
    pub database: TestDatabase,
    postgres: OwnPostgres,
}

pub fn scarce(number: usize) -> String {
    format!("SCARCE-{number}")
}

pub fn plenty(number: usize) -> String {
    format!("PLENTY-{number}")
}

impl Stage {
    /// Everything runs, and there is something to be bought.
    pub async fn set(seed: u64, logs: Option<&Path>) -> Self {
        let postgres = OwnPostgres::durable();
        let database = TestDatabase::on(&postgres.url()).await;
        database.execute("CREATE TABLE foreign_work (n int)").await;
        let nats = OwnNats::start();
        let home = Home::new();
        let proxies = [Proxy::to(&database.app_url()).await, Proxy::to(&database.app_url()).await];
        let server = |number: usize| {
            let name = ["a", "b"][number];
            let url = proxies[number].url(&database.app_url());
            let server = Daybook::new(&home, name, &url, &nats.url())
                .with("http.shutdown_grace", Span::seconds(GRACE_S));
            let server = server.with("projections.partitions", 1 + seed % 3);
            match logs {
                Some(folder) => server.logging_to(folder.join(format!("{name}.log"))),
                None => server,
            }
        };
        let mut servers = [server(0), server(1)];
        servers.iter_mut().for_each(Daybook::start);
        let client = Client::new(String::new());
        stock_up(&client, &servers[0]).await;
        let dice = StdRng::seed_from_u64(seed);
        let (foreign, holder, frozen, surprises) = (vec![], None, vec![], vec![]);
        Self { servers, proxies, nats, client, foreign, holder, frozen, dice, surprises, database, postgres }
    }

    pub fn both(&self) -> [&Daybook; 2] {
        self.servers.each_ref()
    }

    /// Returns when it is over, but for what goes on meanwhile.
    pub async fn inflict(&mut self, fault: Fault) {
        self.begin(fault).await;
        sleep(fault.lasts).await;
        self.end(fault).await;
    }

    async fn begin(&mut self, Fault { kind, server, .. }: Fault) {
        match kind {
            Kind::ServerKilled => self.servers[server].kill(),
            Kind::ServerTerminated => self.terminate(server).await,
            Kind::ServerFrozen => self.servers[server].freeze(),
            Kind::LockHolderFrozen => self.freeze_lock_holder(server).await,
            Kind::PostgresKilled => self.postgres.kill(),
            Kind::BackendsFrozen => {
                self.frozen = self.some_sessions().await;
                send(Signal::Stop, self.frozen.iter().copied());
            }
            Kind::SessionsEnded => send(Signal::Terminate, self.some_sessions().await),
            Kind::NatsKilledAndWiped => {
                self.nats.kill();
                self.nats.wipe();
            }
            Kind::NatsFrozen => self.nats.freeze(),
            Kind::ConnectionsReset => self.proxies[server].cut(),
            Kind::DatabaseAway => {
                self.proxies[server].set(Weather::Away);
                self.proxies[server].cut();
            }
            Kind::Blackhole => self.proxies[server].set(Weather::Blackhole),
            Kind::AnswersLost => self.proxies[server].set(Weather::AnswersLost),
            Kind::ForeignTransaction => self.open_foreign_transaction().await,
            Kind::LockHeld => self.hold("SELECT pg_advisory_xact_lock(log_lock())").await,
            Kind::TablesLocked => {
                self.hold("LOCK TABLE events, idempotency_keys, checkpoints, person_keys").await;
            }
        }
    }

    async fn end(&mut self, Fault { kind, server, .. }: Fault) {
        match kind {
            Kind::ServerKilled | Kind::ServerTerminated => self.servers[server].start(),
            Kind::ServerFrozen | Kind::LockHolderFrozen => self.servers[server].thaw(),
            Kind::PostgresKilled => self.postgres.restart(),
            Kind::BackendsFrozen => send(Signal::Continue, self.frozen.drain(..)),
            Kind::NatsKilledAndWiped => self.nats.restart(),
            Kind::NatsFrozen => self.nats.thaw(),
            Kind::DatabaseAway | Kind::Blackhole | Kind::AnswersLost => {
                self.proxies[server].set(Weather::Fair);
                // What was lost on the way is never made up for, so these connections are of no use any more.
                self.proxies[server].cut();
            }
            Kind::LockHeld | Kind::TablesLocked => self.let_go().await,
            Kind::SessionsEnded | Kind::ConnectionsReset | Kind::ForeignTransaction => {}
        }
    }

    /// Ends what still goes on. Faults heal themselves.
    pub async fn heal(&mut self) {
        self.foreign.clear();
        for (server, name) in self.servers.iter_mut().zip(["A", "B"]) {
            if let Some(status) = server.ended() {
                self.surprises.push(format!("server {name} had ended by itself: {status}"));
                server.start();
            }
        }
    }

    /// Within its grace time, and with success.
    async fn terminate(&mut self, number: usize) {
        let server = &mut self.servers[number];
        server.terminate();
        let grace = Duration::from_secs(GRACE_S + BEYOND_GRACE_S);
        let mut status = None;
        within(grace, async || {
            status = server.ended();
            status.is_some()
        })
        .await;
        match status {
            Some(status) if status.success() => {}
            Some(status) => self.surprises.push(format!("after SIGTERM a server ended with {status}")),
            None => self.surprises.push("a server was still there after its grace time".into()),
        }
        server.kill();
    }

    /// Stops the server between two statements of the transaction in which it decides again, if it comes
    /// to that in time.
    async fn freeze_lock_holder(&mut self, number: usize) {
        let mut session = self.database.foreign_session().await;
        match timeout(HUNT, self.servers[number].freeze_with_lock(&mut session)).await {
            Ok(()) => println!("            (it holds the lock)"),
            Err(_) => self.servers[number].freeze(),
        }
    }

    /// The processes of about half of the servers' sessions.
    async fn some_sessions(&mut self) -> Vec<u32> {
        let mut session = self.database.foreign_session().await;
        let ours = "SELECT pid FROM pg_stat_activity
                     WHERE usename = 'daybook_app' AND datname = current_database() ORDER BY pid";
        let all: Vec<i32> = sqlx::query_scalar(ours).fetch_all(&mut session).await.unwrap_or_default();
        let half = all.len().div_ceil(2);
        all.sample(&mut self.dice, half).map(|pid| pid.unsigned_abs()).collect()
    }

    async fn open_foreign_transaction(&mut self) {
        let mut session = self.database.foreign_session().await;
        let work =
            "CREATE TABLE IF NOT EXISTS foreign_work (n int); BEGIN; INSERT INTO foreign_work VALUES (1)";
        if session.execute(work).await.is_ok() {
            self.foreign.push(session);
        }
    }

    /// A foreign session keeps what `sql` locks.
    async fn hold(&mut self, sql: &str) {
        let mut session = self.database.foreign_session().await;
        session.execute("SET lock_timeout = '5s'; BEGIN").await.expect("a transaction");
        match session.execute(sql).await {
            Ok(_) => self.holder = Some(session),
            // It had to wait for others who waited for it.
            Err(error) => println!("            (not held: {error})"),
        }
    }

    async fn let_go(&mut self) {
        if let Some(mut session) = self.holder.take() {
            // Ends with its session, if it can't be said.
            let _ = session.execute("ROLLBACK").await;
        }
    }
}

impl Drop for Stage {
    /// What stands still can't end.
    fn drop(&mut self) {
        self.postgres.thaw();
        self.nats.thaw();
    }
}

/// Puts on sale what the load buys.
pub async fn stock_up(client: &Client, server: &Daybook) {
    let admin = server.api(client).with_token(server.token("admin", Role::Admin));
    until("the first server answers", async || {
        let ready = admin.try_send(admin.request(reqwest::Method::GET, "/readyz")).await;
        ready.is_ok_and(|reply| reply.status == 200)
    })
    .await;
    let scarce = (0..SCARCE).map(|number| (scarce(number), SCARCE_PIECES));
    let plenty = (0..PLENTY).map(|number| (plenty(number), PLENTY_PIECES));
    let stocked = scarce.chain(plenty).map(|(sku, pieces)| {
        let admin = &admin;
        async move {
            let product = json!({"sku": sku, "name": sku, "price": {"amount": 499, "currency": "EUR"}});
            admin.post("/v1/products", product).await.expect(201);
            admin.post(&format!("/v1/products/{sku}/publication"), json!({})).await.expect(200);
            let receipt = json!({ "quantity": pieces });
            admin.post(&format!("/v1/stock/{sku}/receipts"), receipt).await.expect(200);
        }
    });
    futures::future::join_all(stocked).await;
}
