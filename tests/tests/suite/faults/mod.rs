//! Real processes of the server, killed, stopped, cut off and asked too much.

mod backups;
mod brokers;
mod chaos;
mod connections;
mod disk;
mod followers;
mod kills;
mod overload;
mod partitions;
mod publisher;
mod rebuilds;
mod stops;
mod watch;
mod workers;

use std::sync::Arc;

use daybook_domain::policy::Role;
use daybook_migrations::SERVER;
use daybook_tests::{
    Client, Daybook, Home, Log, OwnNats, TestDatabase, app::BEHIND, until, until::until_none_is_left,
};
use serde_json::{Value, json};
use sqlx::PgConnection;
use url::Url;

/// A database, a broker, and what the servers on them share.
pub struct House {
    pub client: Client,
    pub home: Arc<Home>,
    pub nats: OwnNats,
    pub database: TestDatabase,
}

impl House {
    pub async fn new() -> Self {
        Self::on(TestDatabase::new().await)
    }

    pub fn on(database: TestDatabase) -> Self {
        let (nats, home) = (OwnNats::start(), Home::new());
        Self { client: Client::new(String::new()), home, nats, database }
    }

    /// Not started yet.
    pub fn server(&self, name: &str) -> Daybook {
        self.server_by_way_of(name, &self.database.app_url())
    }

    pub fn server_by_way_of(&self, name: &str, database: &Url) -> Daybook {
        Daybook::new(&self.home, name, database, &self.nats.url())
    }

    pub fn started(&self, name: &str) -> Daybook {
        let mut server = self.server(name);
        server.start();
        server
    }

    pub fn by(&self, server: &Daybook, subject: &str, role: Role) -> Client {
        server.api(&self.client).with_token(server.token(subject, role))
    }

    pub fn alice(&self, server: &Daybook) -> Client {
        self.by(server, "alice", Role::Customer)
    }

    /// At the admin listener.
    pub fn operator(&self, server: &Daybook) -> Client {
        self.client
            .at(format!("http://{}", server.admin))
            .with_token(server.token("operator", Role::Operator))
    }

    /// Until everything has seen the whole log.
    pub async fn caught_up(&self) {
        let behind = async || self.database.count(BEHIND).await;
        until_none_is_left("everything has come to the head", behind).await;
    }

    /// Every read model is what the log says, as a verification finds and as the auditor proves.
    pub async fn proved(&self, server: &Daybook) {
        self.caught_up().await;
        let operator = self.operator(server);
        let found = operator.post("/admin/verifications", json!({})).await.expect(200).json();
        for model in found["read_models"].as_array().unwrap() {
            assert_eq!(model["differences"], 0, "{model}");
        }
        assert_eq!(found["log"]["differences"], 0, "{found}");
        until("the auditor has proved everything", async || {
            let all = operator.get("/admin/projections").await.expect(200).json();
            all.as_array().unwrap().iter().all(|one| {
                let proved = one.get("proved_position").is_none_or(|proved| *proved == one["head"]);
                assert_ne!(one["status"], "diverged", "{one}");
                one["status"] == "running" && proved
            })
        })
        .await;
    }

    /// A teapot is for sale, and so many of it.
    pub async fn sell(&self, server: &Daybook, pieces: i64) {
        let admin = self.by(server, "admin", Role::Admin);
        let product =
            json!({"sku": "TEAPOT", "name": "Teapot", "price": {"amount": 1999, "currency": "EUR"}});
        admin.post("/v1/products", product).await.expect(201);
        admin.post("/v1/products/TEAPOT/publication", json!({})).await.expect(200);
        self.receive(server, pieces).await;
    }

    /// So many more of it.
    pub async fn receive(&self, server: &Daybook, pieces: i64) {
        let admin = self.by(server, "admin", Role::Admin);
        admin.post("/v1/stock/TEAPOT/receipts", json!({"quantity": pieces})).await.expect(200);
    }

    pub async fn log(&self) -> Log {
        Log::check(&self.database.superuser).await
    }

    /// Its sessions can't append while this is held.
    pub async fn take_append_lock(&self) -> PgConnection {
        let mut foreign = self.database.foreign_session().await;
        sqlx::query("SELECT pg_advisory_lock(log_lock())").execute(&mut foreign).await.unwrap();
        foreign
    }

    pub async fn append_waits(&self) {
        until("the append waits", async || self.database.waiting_for_lock(SERVER).await > 0).await;
    }
}

pub fn teapots(pieces: i64) -> Value {
    json!({"lines": [{"sku": "TEAPOT", "quantity": pieces}], "currency": "EUR"})
}
