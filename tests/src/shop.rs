//! One process's commands, without HTTP: what the write side promises is asked of it directly.

use std::time::{Duration, Instant};

use daybook_commands::{
    Accepted, Commands, CommitterSettings, CommitterTask, Context, Failure, IdempotencyKey, NotDone,
    orders::{PlaceLine, PlaceOrder},
    products::CreateProduct,
};
use daybook_domain::{
    ids::OrderId,
    money::{Currency, Money, Price},
    order::Pieces,
    policy::{Actor, Role},
    quantity::Quantity,
    sku::Sku,
    text::Metadata,
};
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

pub type Answer = Result<Accepted, NotDone>;

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
        Self::open_with(url, name, CommitterSettings::default())
    }

    pub fn open_with(url: &Url, name: &str, settings: CommitterSettings) -> Self {
        Self::open_apart(url, url, name, settings)
    }

    /// Loads over one way and appends over another, so that only one can be cut.
    pub fn open_apart(load: &Url, append: &Url, name: &str, settings: CommitterSettings) -> Self {
        let loading = daybook_migrations::connect_options(load.as_str(), "loading").expect("a URL");
        let appending = daybook_migrations::connect_options(append.as_str(), name).expect("a URL");
        let pool = daybook_migrations::pool(loading, 2, Duration::from_secs(10));
        let (commands, task) = Commands::start(settings, appending, pool.clone());
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
            name: format!("Product {code}").parse().expect("a name"),
            description: String::new().try_into().expect("a description"),
            price: euros(amount),
            external_id: None,
            metadata: Metadata::default(),
        };
        self.commands.products().create(by(Role::Merchandiser), sku(code), product).await.expect("created");
        self.commands.products().publish(by(Role::Merchandiser), sku(code)).await.expect("published");
    }

    pub async fn receive(&self, code: &str, pieces: i64) -> Answer {
        self.commands.stock().receive(by(Role::Warehouse), sku(code), quantity(pieces), None).await
    }

    pub async fn set_price(&self, code: &str, amount: i64) -> Answer {
        self.commands.products().set_price(by(Role::Merchandiser), sku(code), euros(amount)).await
    }

    /// An order of a customer called alice.
    pub async fn buy(&self, code: &str, pieces: i64) -> Answer {
        self.place(by(Role::Customer), order(&[(code, pieces)])).await
    }

    pub async fn place(&self, context: Context, order: PlaceOrder) -> Answer {
        self.commands.orders().place(context, order).await
    }

    pub async fn confirm(&self, id: OrderId) -> Answer {
        self.commands.orders().confirm(by(Role::Support), id).await
    }

    pub async fn cancel(&self, id: OrderId) -> Answer {
        self.commands.orders().cancel(by(Role::Support), id, None).await
    }

    pub async fn ship(&self, id: OrderId, pieces: Option<&[(&str, i64)]>) -> Answer {
        let pieces = pieces.map(|pieces| {
            pieces.iter().map(|(code, count)| Pieces { sku: sku(code), quantity: quantity(*count) }).collect()
        });
        self.commands.orders().ship(by(Role::Warehouse), id, pieces, None).await
    }

    pub async fn deliver(&self, id: OrderId) -> Answer {
        self.commands.orders().deliver(by(Role::Warehouse), id).await
    }
}

/// A context of somebody with this role: alice, if a customer.
pub fn by(role: Role) -> Context {
    let subject = if role == Role::Customer { "alice" } else { role.as_str() };
    Context {
        actor: Actor { subject: subject.into(), roles: [role].into_iter().collect() },
        command_id: new_id(),
        request_id: "of-a-test".into(),
        traceparent: None,
        deadline: Instant::now() + Duration::from_secs(60),
        key: None,
        if_match: None,
    }
}

/// The same with an idempotency key, for a request that is told from others by `request`.
pub fn keyed(context: Context, key: &str, request: u8) -> Context {
    Context { key: Some(IdempotencyKey { key: key.into(), fingerprint: [request; 32] }), ..context }
}

/// A new order, in euros, of so many pieces each.
pub fn order(lines: &[(&str, i64)]) -> PlaceOrder {
    let line = |(code, count): &(&str, i64)| PlaceLine {
        sku: sku(code),
        quantity: quantity(*count),
        unit_price: None,
    };
    PlaceOrder {
        id: new_order_id(),
        lines: lines.iter().map(line).collect(),
        currency: Currency::EUR,
        customer: None,
        contact: None,
        ship_to: None,
        external_id: None,
        metadata: Metadata::default(),
        override_reason: None,
    }
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
        Err(NotDone::Refused(refusal)) => refusal.code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[track_caller]
pub fn failed(answer: Answer) -> Failure {
    match answer {
        Err(NotDone::Failed(failure)) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

/// The order's id in a receipt.
pub fn order_id(accepted: &Accepted) -> OrderId {
    accepted.receipt.id.parse().expect("an order's receipt")
}

/// A member of a receipt's body.
pub fn member(accepted: &Accepted, pointer: &str) -> serde_json::Value {
    let body: serde_json::Value = serde_json::from_str(accepted.receipt.body.get()).expect("a JSON body");
    body.pointer(pointer).cloned().unwrap_or_else(|| panic!("no {pointer} in {body}"))
}
