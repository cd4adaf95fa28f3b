//! One process's commands, without HTTP: what the write side promises is asked of it directly.

use std::time::{Duration, Instant};

use chrono::Utc;
use daybook_commands::{
    CommandError, Commands, CommitterTask, Context, Done, Failure, IdempotencyKey, Means, Outcome, Request,
    Settings, UseCase,
    orders::{
        CancelOrderRequest, ConfirmOrder, DeliverOrder, PlaceLine, PlaceOrder, PlaceOrderRequest,
        ShipOrderRequest,
    },
    products::{CreateProduct, PublishProduct, SetPrice},
    stock::ReceiveStock,
};
use daybook_domain::{
    Position,
    ids::OrderId,
    money::{Currency, Money, Price},
    order::Pieces,
    policy::{Actor, Role},
    quantity::Quantity,
    sealed::{Person, Sealed},
    sku::Sku,
    text::Metadata,
};
use daybook_migrations::Features;
use serde::Serialize;
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

pub type Answer = Result<Accepted, CommandError>;

/// What a use case came to, whichever it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub id: String,
    pub version: i64,
    /// The outcome in JSON.
    pub outcome: String,
    pub position: Position,
    pub replayed: bool,
}

impl<O: Outcome> From<Done<O>> for Accepted {
    fn from(Done { outcome, position, replayed }: Done<O>) -> Self {
        let json = serde_json::to_string(&outcome).expect("outcomes serialize");
        Self { id: outcome.id(), version: outcome.version(), outcome: json, position, replayed }
    }
}

/// Asks for something without personal data.
pub async fn ask(commands: &Commands, context: Context, request: impl Request) -> Answer {
    ask_for(commands, context, request, new_id()).await
}

/// The same, so that what is made has this id.
pub async fn ask_for(commands: &Commands, context: Context, request: impl Request, id: Uuid) -> Answer {
    commands.ask(context, request, &NothingToSeal { id }).await.map(Accepted::from)
}

/// Submits a use case that has its ids already, so a test knows them whatever is answered.
pub async fn submit(commands: &Commands, context: Context, use_case: impl UseCase) -> Answer {
    commands.submit(context, use_case).await.map(Accepted::from)
}

struct NothingToSeal {
    id: Uuid,
}

impl Means for NothingToSeal {
    fn new_id(&self) -> Uuid {
        self.id
    }

    async fn seal(&self, _: &Person<'_>, _: &(impl Serialize + Sync)) -> Result<Sealed, Failure> {
        panic!("these requests have no personal data")
    }

    async fn seal_about(&self, _: OrderId, _: &(impl Serialize + Sync)) -> Result<Option<Sealed>, Failure> {
        panic!("these requests have no personal data")
    }

    async fn discard(&self, _: OrderId) -> Result<(), Failure> {
        panic!("these requests have no personal data")
    }
}

/// A committer and its connections, as a process of the server has them.
pub struct Shop {
    pub commands: Commands,
    task: CommitterTask,
    pool: PgPool,
}

/// An id like those of the API.
#[allow(clippy::disallowed_methods, reason = "the tests' one source of ids")]
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

pub fn new_order_id() -> OrderId {
    OrderId::new(new_id())
}

impl Shop {
    /// `name` is the `application_name` of its sessions.
    pub fn open(url: &Url, name: &str) -> Self {
        Self::open_with(url, name, Settings::default())
    }

    pub fn open_with(url: &Url, name: &str, settings: Settings) -> Self {
        Self::open_apart(url, url, name, settings)
    }

    /// Loads over one way and appends over another, so that only one can be cut.
    pub fn open_apart(load: &Url, append: &Url, name: &str, settings: Settings) -> Self {
        let loading = daybook_migrations::connect_options(load.as_str(), "loading").expect("a URL");
        let appending = daybook_migrations::connect_options(append.as_str(), name).expect("a URL");
        let pool = daybook_migrations::pool(loading, 2, Duration::from_secs(10));
        let (commands, task) =
            Commands::start(settings, Features::new(pool.clone()), appending, pool.clone());
        Self { commands, task, pool }
    }

    /// Answers what it has taken in, and ends.
    pub async fn close(self) {
        self.task.shutdown().await;
        self.pool.close().await;
    }

    /// A product that can be bought for `amount` euro cents.
    pub async fn sell(&self, code: &str, amount: i64) {
        let product = CreateProduct {
            sku: sku(code),
            name: format!("Product {code}").parse().expect("a name"),
            description: String::new().try_into().expect("a description"),
            price: euros(amount),
            external_id: None,
            metadata: Metadata::default(),
        };
        self.ask(by(Role::Merchandiser), product).await.expect("created");
        self.ask(by(Role::Merchandiser), PublishProduct { sku: sku(code) }).await.expect("published");
    }

    pub async fn ask(&self, context: Context, request: impl Request) -> Answer {
        ask(&self.commands, context, request).await
    }

    pub async fn receive(&self, code: &str, pieces: i64) -> Answer {
        self.ask(by(Role::Warehouse), received(code, pieces)).await
    }

    pub async fn set_price(&self, code: &str, amount: i64) -> Answer {
        self.ask(by(Role::Merchandiser), SetPrice { sku: sku(code), price: euros(amount) }).await
    }

    /// An order of a customer called alice.
    pub async fn buy(&self, code: &str, pieces: i64) -> Answer {
        self.place(by(Role::Customer), order(&[(code, pieces)])).await
    }

    pub async fn place(&self, context: Context, order: PlaceOrderRequest) -> Answer {
        self.ask(context, order).await
    }

    pub async fn confirm(&self, id: OrderId) -> Answer {
        self.ask(by(Role::Support), ConfirmOrder { id }).await
    }

    pub async fn cancel(&self, id: OrderId) -> Answer {
        self.ask(by(Role::Support), CancelOrderRequest { id, reason: None, lines: None }).await
    }

    pub async fn ship(&self, id: OrderId, pieces: Option<&[(&str, i64)]>) -> Answer {
        let pieces = pieces.map(|pieces| {
            pieces.iter().map(|(code, count)| Pieces { sku: sku(code), quantity: quantity(*count) }).collect()
        });
        self.ask(by(Role::Warehouse), ShipOrderRequest { id, pieces, tracking: None }).await
    }

    pub async fn deliver(&self, id: OrderId) -> Answer {
        self.ask(by(Role::Warehouse), DeliverOrder { id }).await
    }
}

/// So many pieces that have come in.
pub fn received(code: &str, pieces: i64) -> ReceiveStock {
    ReceiveStock { sku: sku(code), quantity: quantity(pieces), reference: None }
}

/// A context of a person with this role: alice, if a customer.
pub fn by(role: Role) -> Context {
    let subject = if role == Role::Customer { "alice" } else { role.as_str() };
    Context {
        actor: Actor::person(subject, [role]),
        command_id: new_id(),
        request_id: "of-a-test".into(),
        cause: None,
        traceparent: None,
        deadline: Instant::now() + Duration::from_secs(60),
        now: now(),
        key: None,
        if_match: None,
    }
}

#[allow(clippy::disallowed_methods, reason = "a context has the time of its request")]
fn now() -> chrono::DateTime<Utc> {
    Utc::now()
}

/// The same with an idempotency key.
pub fn keyed(context: Context, key: &str) -> Context {
    Context { key: Some(IdempotencyKey { key: key.into(), http_fingerprint: None }), ..context }
}

/// A request for an order, in euros, of so many pieces each.
pub fn order(lines: &[(&str, i64)]) -> PlaceOrderRequest {
    PlaceOrderRequest {
        lines: place_lines(lines),
        currency: Currency::EUR,
        customer: None,
        contact: None,
        ship_to: None,
        buyer: None,
        external_id: None,
        metadata: Metadata::default(),
        override_reason: None,
        quote: None,
    }
}

/// An order of alice that has its id.
pub fn prepared_order(lines: &[(&str, i64)]) -> PlaceOrder {
    PlaceOrder {
        id: new_order_id(),
        lines: place_lines(lines),
        currency: Currency::EUR,
        customer: Some("alice".parse().expect("a customer")),
        contact: None,
        ship_to: None,
        external_id: None,
        metadata: Metadata::default(),
        override_reason: None,
        pay_until: None,
        sale: None,
        buyer: None,
        quoted: None,
    }
}

fn place_lines(lines: &[(&str, i64)]) -> Vec<PlaceLine> {
    let line = |(code, count): &(&str, i64)| PlaceLine {
        sku: sku(code),
        quantity: quantity(*count),
        unit_price: None,
    };
    lines.iter().map(line).collect()
}

pub fn sku(code: &str) -> Sku {
    code.parse().expect("a SKU")
}

pub fn quantity(count: i64) -> Quantity {
    count.try_into().expect("a quantity")
}

pub fn euros(amount: i64) -> Price {
    Money::new(amount, Currency::EUR).try_into().expect("a price")
}

/// The code of a refusal; a failure or success is not one.
#[track_caller]
pub fn refused(answer: Answer) -> &'static str {
    match answer {
        Err(CommandError::Refused(refusal)) => refusal.code.as_str(),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[track_caller]
pub fn failed(answer: Answer) -> Failure {
    match answer {
        Err(CommandError::Failed(failure)) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// The id of the order that an answer is about.
pub fn order_id(accepted: &Accepted) -> OrderId {
    accepted.id.parse().expect("an order's outcome")
}

/// A member of an outcome.
pub fn member(accepted: &Accepted, pointer: &str) -> serde_json::Value {
    let outcome: serde_json::Value = serde_json::from_str(&accepted.outcome).expect("JSON");
    outcome.pointer(pointer).cloned().unwrap_or_else(|| panic!("no {pointer} in {outcome}"))
}
