//! Clients that want to know what became of each of their commands.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use daybook_domain::policy::Role;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use super::stage::{PLENTY, SCARCE, plenty, scarce};
use crate::{Client, Daybook, Reply, shop::new_id, until};

pub const CLIENTS: u64 = 16;
/// The most that a client asks for: a machine that is all busy with load shows fewer faults, and workers that are built
/// for tests keep up with fifty commands per second on one core, beside another test.
const PACE: Duration = Duration::from_millis(320);
/// What the servers are told, and what the client waits.
const REQUEST_TIMEOUT_MS: u64 = 3_000;
const CLIENT_TIMEOUT: Duration = Duration::from_millis(4_000);
/// How long a client asks what became of a command.
const PERSISTENCE: Duration = Duration::from_secs(60);
const BACK_OFF_MS: std::ops::Range<u64> = 20..200;

/// A command and what its client knows of it in the end.
pub struct Told {
    /// Whose it is: keys are their caller's own.
    pub client: u64,
    pub command: Command,
    pub outcome: Outcome,
    /// How often the key was repeated after the answer, and what else came then.
    pub replays: u64,
    pub changed: Vec<String>,
}

#[derive(Clone)]
pub struct Command {
    /// Also the id of its requests, which the log keeps with the events.
    pub key: String,
    pub kind: Kind,
    pub path: String,
    body: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Place,
    Cancel,
    Confirm,
    Receive,
}

pub enum Outcome {
    Done {
        status: u16,
        position: i64,
        body: Vec<u8>,
    },
    /// By a rule: it didn't happen.
    Refused,
    /// Turned away at the first try, and not tried again: it didn't happen.
    TurnedAway,
    Unknown,
    /// An answer that no client should get.
    Strange(String),
}

impl Kind {
    /// The event of which such a command leaves one.
    pub fn event(self) -> &'static str {
        match self {
            Self::Place => "OrderPlaced",
            Self::Cancel => "OrderCancelled",
            Self::Confirm => "OrderConfirmed",
            Self::Receive => "StockReceived",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::Place => Role::Customer,
            Self::Cancel | Self::Confirm => Role::Support,
            Self::Receive => Role::Warehouse,
        }
    }
}

/// Which keys are repeated as soon as they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// A tenth of them, at either server.
    Some,
    /// All of them, at the server that didn't answer first.
    EachElsewhere,
}

/// Clients at work.
pub struct Load {
    clients: JoinSet<Vec<Told>>,
    acknowledged: Arc<AtomicU64>,
    enough: Arc<AtomicBool>,
}

impl Load {
    /// Half of the clients usually ask one server, half the other.
    pub fn start(client: &Client, servers: [&Daybook; 2], seed: u64) -> Self {
        Self::start_with(client, servers, seed, Repeats::Some)
    }

    pub fn start_with(client: &Client, servers: [&Daybook; 2], seed: u64, repeats: Repeats) -> Self {
        let (acknowledged, enough) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        for number in 0..CLIENTS {
            let desk = Desk::new(client, servers, number);
            let rng = StdRng::seed_from_u64(seed ^ (number << 32));
            let acknowledged = Arc::clone(&acknowledged);
            let one = Buyer { number, desk, rng, repeats, orders: vec![], acknowledged };
            clients.spawn(one.run(Arc::clone(&enough)));
        }
        Self { clients, acknowledged, enough }
    }

    /// Until so many more have been acknowledged.
    pub async fn progress(&self, more: u64) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        until("there is progress", async || self.acknowledged.load(Ordering::Relaxed) >= before + more).await;
    }

    /// When every client knows, or has given up.
    pub async fn end(self) -> Vec<Told> {
        self.enough.store(true, Ordering::Relaxed);
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

/// Where one asks: both servers, with tokens.
pub struct Desk {
    /// By kind of command, at either server.
    clients: Vec<(Kind, [Client; 2])>,
    usual: usize,
}

impl Desk {
    pub fn new(client: &Client, servers: [&Daybook; 2], number: u64) -> Self {
        let at_both = |kind: Kind| {
            let token = servers[0].token(&format!("{}-{number}", kind.role().as_str()), kind.role());
            (kind, servers.map(|server| server.api(client).with_token(&token)))
        };
        let kinds = [Kind::Place, Kind::Cancel, Kind::Confirm, Kind::Receive];
        Self { clients: kinds.map(at_both).into(), usual: usize::from(number % 2 == 1) }
    }

    /// At the usual server, or the other one.
    pub async fn ask(&self, command: &Command, elsewhere: bool) -> Result<Reply, reqwest::Error> {
        let (_, both) = self.clients.iter().find(|(kind, _)| *kind == command.kind).expect("all are there");
        let client = &both[self.usual ^ usize::from(elsewhere)];
        let request = client
            .request(Method::POST, &command.path)
            .timeout(CLIENT_TIMEOUT)
            .header("request-timeout-ms", REQUEST_TIMEOUT_MS)
            .header("idempotency-key", &command.key)
            .header("x-request-id", &command.key)
            .json(&command.body);
        client.try_send(request).await
    }
}

struct Buyer {
    number: u64,
    desk: Desk,
    rng: StdRng,
    repeats: Repeats,
    /// Placed and known to be.
    orders: Vec<String>,
    acknowledged: Arc<AtomicU64>,
}

impl Buyer {
    async fn run(mut self, enough: Arc<AtomicBool>) -> Vec<Told> {
        let mut told = Vec::new();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !enough.load(Ordering::Relaxed) {
            pace.tick().await;
            let command = self.next_command();
            let (outcome, answered_elsewhere) = self.find_out(&command).await;
            let mut one = Told { client: self.number, command, outcome, replays: 0, changed: vec![] };
            self.remember(&one);
            let repeated_elsewhere = match self.repeats {
                Repeats::Some => self.rng.random_bool(0.1).then(|| self.rng.random()),
                Repeats::EachElsewhere => Some(!answered_elsewhere),
            };
            if let Some(elsewhere) = repeated_elsewhere {
                one.ask_again(&self.desk, elsewhere).await;
            }
            told.push(one);
        }
        told
    }

    fn next_command(&mut self) -> Command {
        let number = self.rng.random_range(0..100);
        let taken = match number {
            70.. if !self.orders.is_empty() => {
                let index = self.rng.random_range(0..self.orders.len());
                Some(self.orders.swap_remove(index))
            }
            _ => None,
        };
        let (kind, path, body) = match (number, taken) {
            (0..2, _) => {
                let sku = scarce(self.rng.random_range(0..SCARCE));
                (Kind::Receive, format!("/v1/stock/{sku}/receipts"), json!({"quantity": 5}))
            }
            (_, Some(order)) if number < 90 => {
                (Kind::Cancel, format!("/v1/orders/{order}/cancellation"), json!({}))
            }
            (_, Some(order)) => (Kind::Confirm, format!("/v1/orders/{order}/confirmation"), json!({})),
            _ => (Kind::Place, "/v1/orders".into(), self.order()),
        };
        Command { key: new_id().simple().to_string(), kind, path, body }
    }

    fn order(&mut self) -> Value {
        let mut lines = Vec::new();
        if self.rng.random_bool(0.4) {
            lines.push(json!({"sku": scarce(self.rng.random_range(0..SCARCE)), "quantity": 1}));
        }
        for _ in 0..self.rng.random_range(usize::from(lines.is_empty())..4) {
            let sku = plenty(self.rng.random_range(0..PLENTY));
            lines.push(json!({"sku": sku, "quantity": self.rng.random_range(1..4)}));
        }
        let mut order = json!({"lines": lines, "currency": "EUR"});
        // A person to whom a mail is written.
        if self.rng.random_bool(0.02) {
            order["contact"] = json!({"name": "Alice Example", "email": "alice@example.com"});
        }
        order
    }

    /// Repeats until there is an answer that says what happened, and whether it isn't the usual server's.
    async fn find_out(&mut self, command: &Command) -> (Outcome, bool) {
        let deadline = Instant::now() + PERSISTENCE;
        let (mut first, mut elsewhere) = (true, false);
        while Instant::now() < deadline {
            match self.desk.ask(command, elsewhere).await.map_or(Heard::Nothing, heard) {
                Heard::Outcome(outcome) => return (outcome, elsewhere),
                // This is said to be certain, so some clients believe it.
                Heard::TurnedAway if first && self.rng.random() => return (Outcome::TurnedAway, elsewhere),
                Heard::TurnedAway | Heard::Nothing => {}
            }
            first = false;
            elsewhere = self.rng.random();
            sleep(Duration::from_millis(self.rng.random_range(BACK_OFF_MS))).await;
        }
        (Outcome::Unknown, elsewhere)
    }

    fn remember(&mut self, told: &Told) {
        let is_done = matches!(told.outcome, Outcome::Done { .. });
        self.acknowledged.fetch_add(u64::from(is_done), Ordering::Relaxed);
        if let (Kind::Place, Outcome::Done { body, .. }) = (told.command.kind, &told.outcome) {
            let receipt: Value = serde_json::from_slice(body).unwrap_or_default();
            self.orders.extend(receipt["id"].as_str().map(str::to_owned));
        }
    }
}

enum Heard {
    Outcome(Outcome),
    /// It was not done.
    TurnedAway,
    /// Whether it was done remains to be seen.
    Nothing,
}

fn heard(reply: Reply) -> Heard {
    let code = || {
        let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        problem["code"].as_str().unwrap_or_default().to_owned()
    };
    match (reply.status, code().as_str()) {
        (200 | 201, _) => {
            let position = reply.header("daybook-position").and_then(|text| text.parse().ok()).unwrap_or(0);
            Heard::Outcome(Outcome::Done { status: reply.status, position, body: reply.body })
        }
        (422, "insufficient_stock" | "order_not_cancellable" | "order_not_confirmable") => {
            Heard::Outcome(Outcome::Refused)
        }
        (503, "unavailable" | "overloaded") => Heard::TurnedAway,
        (503, "outcome_unknown") | (504, "deadline_exceeded") | (409, "idempotency_in_flight") => {
            Heard::Nothing
        }
        _ => Heard::Outcome(Outcome::Strange(format!("{} {}", reply.status, reply.text()))),
    }
}

impl Told {
    /// The same key must bring the same bytes, from whichever server; one that can't answer just now
    /// proves nothing.
    pub async fn ask_again(&mut self, desk: &Desk, elsewhere: bool) {
        let Outcome::Done { status, body, .. } = &self.outcome else { return };
        let Ok(reply) = desk.ask(&self.command, elsewhere).await else { return };
        let (same, text) = (reply.status == *status && reply.body == *body, reply.text());
        match (same, heard(reply)) {
            (true, _) => self.replays += 1,
            // Also where an earlier try of the same command is still waiting.
            (false, Heard::TurnedAway | Heard::Nothing) => {}
            (false, Heard::Outcome(_)) => {
                self.replays += 1;
                self.changed.push(text);
            }
        }
    }
}
