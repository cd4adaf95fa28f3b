//! The whole server in this process: on a database, a stream and a folder of its own, with a clock that
//! stands still until it is moved.

use std::{fmt::Display, net::SocketAddr, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use daybook::Running;
use daybook_core::{
    Config,
    auth::{Grant, SigningKey},
    entropy::{Clock, ManualClock},
    reads::Reads,
};
use daybook_domain::{feature::Feature, policy::Role};
use daybook_projections::workers::Crew;

use crate::{
    client::Client,
    database::TestDatabase,
    mails::mails_in,
    promised::Promised,
    server::Folder,
    shop::new_id,
    until::{finish, until_none_is_left},
};

/// Gone with the test.
pub struct TestApp {
    pub config: Config,
    pub clock: ManualClock,
    /// A client of the API that sends no token.
    pub anonymous: Client,
    pub telemetry: Client,
    admin: Client,
    key: SigningKey,
    running: Option<Running>,
    stream: Arc<Stream>,
    folder: Arc<Folder>,
    // Dropped last: the others are connected to it.
    pub database: Arc<TestDatabase>,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(TestDatabase::new().await, change).await
    }

    /// On a database that has these features.
    pub async fn start_having(features: &[Feature], change: impl FnOnce(&mut Config)) -> Self {
        Self::start_on(TestDatabase::new().await.having(features).await, change).await
    }

    /// On a server of one's own, that may be killed.
    pub async fn start_on(database: TestDatabase, change: impl FnOnce(&mut Config)) -> Self {
        let folder = Folder::new("daybook-app", None);
        let name = format!("t_{}", new_id().simple());
        let any_port = "127.0.0.1:0".parse().expect("an address");
        let mut config = Config {
            home: folder.path().to_owned(),
            database_url: database.app_url().as_str().into(),
            nats_url: nats_url().as_str().into(),
            api_listen: any_port,
            admin_listen: any_port,
            telemetry_listen: any_port,
            ..Config::default()
        };
        config.stream.name.clone_from(&name);
        config.stream.subject_prefix.clone_from(&name);
        config.queries.connections = 4;
        config.commands.connections = 2;
        config.background.connections = 8;
        change(&mut config);
        let clock = ManualClock::at(DateTime::from_timestamp(1_800_000_000, 0).expect("a time"));
        let stream = Stream { url: config.nats_url.expose().to_owned(), name };
        Self::launch(config, clock, Arc::new(stream), Arc::new(folder), Arc::new(database)).await
    }

    /// A second process beside this one: the same database, stream, folder and clock.
    pub async fn twin(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = self.config.clone();
        change(&mut config);
        let (stream, folder) = (Arc::clone(&self.stream), Arc::clone(&self.folder));
        Self::launch(config, self.clock.clone(), stream, folder, Arc::clone(&self.database)).await
    }

    async fn launch(
        config: Config,
        clock: ManualClock,
        stream: Arc<Stream>,
        folder: Arc<Folder>,
        database: Arc<TestDatabase>,
    ) -> Self {
        let key = SigningKey::load(&config).expect("a key is made").expect("it is our own");
        let started = daybook::start(&config, Clock::Manual(clock.clone())).await;
        let running = started.unwrap_or_else(|error| panic!("the server does not start: {error}"));
        let base = |address| format!("http://{address}");
        let api = running.api.map(base).unwrap_or_default();
        let (admin, telemetry) = (base(running.admin), base(running.telemetry));
        let promised = Promised::at(api.clone(), admin.clone(), telemetry.clone());
        let anonymous = Client::new(api).promised(promised);
        let (admin, telemetry) = (anonymous.at(admin), anonymous.at(telemetry));
        let running = Some(running);
        Self { config, clock, anonymous, telemetry, admin, key, running, stream, folder, database }
    }

    /// A token of `subject` with these roles, for an hour.
    pub fn token(&self, subject: &str, roles: &[Role]) -> String {
        self.mint(subject, roles)
    }

    /// The same with roles by their names, custom ones too.
    pub fn token_naming(&self, subject: &str, roles: &[&str]) -> String {
        self.mint(subject, roles)
    }

    fn mint<R: Display>(&self, subject: &str, roles: &[R]) -> String {
        let grant = Grant { subject, roles, ttl: Duration::from_secs(3_600) };
        let now = Clock::Manual(self.clock.clone()).now();
        self.key.mint(&self.config.tokens.issuer, &self.config.tokens.audience, now, &grant)
    }

    /// A client whose token has this role, and the role's name as its subject.
    pub fn by(&self, role: Role) -> Client {
        self.named(role.as_str(), role)
    }

    pub fn named(&self, subject: &str, role: Role) -> Client {
        self.anonymous.with_token(self.token(subject, &[role]))
    }

    pub fn customer(&self, subject: &str) -> Client {
        self.named(subject, Role::Customer)
    }

    /// Where clients of EventStoreDB read the log.
    pub fn door(&self) -> SocketAddr {
        self.running.as_ref().and_then(|running| running.door).expect("it has a door")
    }

    /// What interfaces read through, without one of them between.
    pub fn reads(&self) -> Reads {
        self.running.as_ref().expect("it runs").reads.clone()
    }

    /// What it does in the background.
    pub fn crew(&self) -> &Crew {
        &self.running.as_ref().expect("it runs").crew
    }

    /// At the admin listener.
    pub fn operator(&self) -> Client {
        self.admin.with_token(self.token("operator", &[Role::Operator]))
    }

    /// A client of the admin listener that sends no token.
    pub fn admin(&self) -> &Client {
        &self.admin
    }

    /// What its clock shows.
    pub fn now(&self) -> DateTime<Utc> {
        Clock::Manual(self.clock.clone()).now()
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    pub fn mail_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("mail")
    }

    /// Every mail that was written, headers and all.
    pub fn mails(&self) -> Vec<String> {
        mails_in(&self.mail_folder())
    }

    /// Until everything downstream has seen the whole log, and no effect is left to be done.
    pub async fn settle(&self) {
        let behind = async || self.database.count(BEHIND).await;
        until_none_is_left("everything downstream has come to the head of the log", behind).await;
    }

    /// A product for sale, and so many pieces of it.
    pub async fn sell(&self, sku: &str, amount: i64, pieces: i64) {
        let merchandiser = self.by(Role::Merchandiser);
        let product = serde_json::json!({
            "sku": sku, "name": format!("Product {sku}"), "price": {"amount": amount, "currency": "EUR"},
        });
        merchandiser.post("/v1/products", product).await.expect(201);
        let publication = format!("/v1/products/{sku}/publication");
        merchandiser.post(&publication, serde_json::json!({})).await.expect(200);
        if pieces > 0 {
            let receipt = serde_json::json!({ "quantity": pieces });
            self.by(Role::Warehouse).post(&format!("/v1/stock/{sku}/receipts"), receipt).await.expect(200);
        }
    }

    /// Ends as after SIGTERM.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }
}

/// How many events consumers have yet to see, all of them together, and how many effects are left. What is paused
/// or parked stays behind for good, and isn't waited for; nor are timers that have not been due yet.
pub const BEHIND: &str = "
    SELECT (SELECT coalesce(sum(greatest(head - position, 0)), 0)::bigint
              FROM checkpoints, (SELECT coalesce(max(position), 0) AS head FROM events) e
             WHERE state = 'running' AND name <> 'relay')
         + (SELECT count(*) FROM effects
             WHERE state = 'pending' AND (lane <> 'clock' OR attempts > 0 OR due_at <= statement_timestamp()))";

/// The address of the broker that `./dev test` started.
fn nats_url() -> String {
    let url = std::env::var("TEST_NATS_URL");
    url.expect("no nats-server to test with (TEST_NATS_URL is not set): run ./dev test")
}

/// What the server keeps at the broker, which reserves room for each stream.
struct Stream {
    url: String,
    name: String,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let (url, name) = (self.url.clone(), self.name.clone());
        finish(Duration::from_secs(2), async move {
            let Ok(client) = async_nats::connect(url).await else { return };
            let context = async_nats::jetstream::new(client);
            let _ = context.delete_stream(&name).await;
            let _ = context.delete_stream(format!("{name}_EVENTS")).await;
        });
    }
}
