//! Fills a log as if a server had taken orders for a long time: the same events, through the same
//! function, thousands a call.

use std::collections::{HashMap, VecDeque};

use daybook_domain::{
    Decider,
    decider::Event,
    ids::OrderId,
    money::Currency,
    order::{self, Line, Order, Parcel, Placement, total},
    product::{self, Product},
    stock::{self, Stock},
    stored::encode,
    text::{Description, Metadata},
};
use daybook_tests::{
    TestDatabase,
    shop::{euros, new_id, new_order_id, quantity, sku},
};

use crate::server::SUBJECTS;

/// `SKU-0`, `SKU-1`, …: what orders are for.
pub const SKUS: u64 = 200;
/// The stock of this one has half of the events.
pub const LONG: &str = "SKU-LONG";
const CALL_EVENTS: usize = 5_000;
/// Pieces of each SKU, so that nothing is ever out of stock.
const PIECES: i64 = 100_000_000;

/// Brings an empty log to `events` events: a catalogue, then orders, each with its hold, in turn with
/// receipts of [`LONG`].
pub async fn fill(database: &TestDatabase, events: u64) {
    let mut batch = Batch::default();
    let mut sequences = HashMap::new();
    let (mut written, mut number) = (0, 0);
    while written < events {
        let left = events - written;
        for event in next_events(number, left) {
            batch.push(event, &mut sequences);
            written += 1;
        }
        number += 1;
        if batch.ids.len() >= CALL_EVENTS || written == events {
            std::mem::take(&mut batch).append(database).await;
        }
    }
    settle(database).await;
}

/// As the autovacuum would have done by the time that a log has come to this size.
async fn settle(database: &TestDatabase) {
    database.execute("VACUUM (ANALYZE) events").await;
    database.execute("CHECKPOINT").await;
}

/// Orders that are open at a time, so that the events of one lie among those of others.
const OPEN: u64 = 1_000;

/// Brings an empty log to `events` events of orders, from one end of their lives to the other. Their stock
/// is left out.
pub async fn fill_with_lives(database: &TestDatabase, events: u64) {
    let mut batch = Batch::default();
    let mut open: VecDeque<(OrderId, u64, i64)> = VecDeque::new();
    let mut placed = 0;
    for _ in 0..events {
        // In turn, until each has come to its end; then the next one is placed.
        let (id, number, done) = if (open.len() as u64) < OPEN {
            placed += 1;
            (new_order_id(), placed, 0)
        } else {
            open.pop_front().expect("there are many")
        };
        let (event, is_last) = life(number, done);
        let sequence = done + 1;
        batch.push_at(New::of::<Order>(id.to_string(), &event), sequence);
        if !is_last {
            open.push_back((id, number, sequence));
        }
        if batch.ids.len() >= CALL_EVENTS {
            std::mem::take(&mut batch).append(database).await;
        }
    }
    batch.append(database).await;
    settle(database).await;
}

/// What happens to an order to which `done` things have happened, and whether it is the last of them.
fn life(number: u64, done: i64) -> (order::Event, bool) {
    match (done, number % 10) {
        (0, _) => (order::Event::Placed(Box::new(placement(number))), false),
        (1, 0) => {
            let reason = Some("changed my mind".parse().expect("a reason"));
            (order::Event::Cancelled { cause: None, reason, sealed_reason: None }, true)
        }
        (1, _) => (order::Event::Confirmed {}, false),
        (2, _) => {
            let parcels = vec![Parcel { line: 0, sku: sku(&code(number)), quantity: 1 }];
            let tracking = Some(format!("TRACK-{number}").parse().expect("a reference"));
            (order::Event::Shipped { parcels, tracking, sealed_tracking: None, complete: true }, false)
        }
        _ => (order::Event::Delivered {}, true),
    }
}

/// An event of some stream, as it is stored.
struct New {
    kind: &'static str,
    id: String,
    name: &'static str,
    version: u16,
    payload: String,
}

impl New {
    fn of<D: Decider>(id: impl Into<String>, event: &D::Event) -> Self {
        let stored = encode(event);
        debug_assert_eq!(stored.name, event.name());
        Self {
            kind: D::KIND,
            id: id.into(),
            name: stored.name,
            version: stored.version,
            payload: stored.payload,
        }
    }
}

/// The `number`th thing that happens, in at most `left` events.
fn next_events(number: u64, left: u64) -> Vec<New> {
    if number <= SKUS && left >= 3 {
        return catalogue(&if number == SKUS { LONG.to_owned() } else { format!("SKU-{number}") });
    }
    let receipt = || New::of::<Stock>(LONG, &stock::Event::Received { quantity: 1, reference: None });
    if left < 4 { vec![receipt()] } else { order(number).into_iter().chain([receipt(), receipt()]).collect() }
}

fn catalogue(code: &str) -> Vec<New> {
    let created = product::Event::Created {
        name: format!("Product {code}").parse().expect("a name"),
        description: Description::default(),
        price: euros(499),
        external_id: None,
        metadata: Metadata::default(),
    };
    vec![
        New::of::<Product>(code, &created),
        New::of::<Product>(code, &product::Event::Published {}),
        New::of::<Stock>(code, &stock::Event::Received { quantity: PIECES, reference: None }),
    ]
}

fn order(number: u64) -> [New; 2] {
    let order = new_order_id();
    [
        New::of::<Order>(order.to_string(), &order::Event::Placed(Box::new(placement(number)))),
        New::of::<Stock>(code(number), &stock::Event::Held { order, quantity: 1 }),
    ]
}

fn code(number: u64) -> String {
    format!("SKU-{}", number % SKUS)
}

fn placement(number: u64) -> Placement {
    let code = code(number);
    let lines = vec![Line {
        sku: sku(&code),
        name: format!("Product {code}").parse().expect("a name"),
        quantity: quantity(1),
        unit_price: euros(499),
        list_price: None,
    }];
    Placement {
        customer: Some(format!("customer-{}", number % SUBJECTS).parse().expect("a customer")),
        total: total(&lines, Currency::EUR).expect("a small number"),
        lines,
        currency: Currency::EUR,
        override_reason: None,
        sealed_override_reason: None,
        contact: None,
        ship_to: None,
        external_id: None,
        metadata: Metadata::default(),
        pay_until: None,
        terms: None,
        buyer: None,
    }
}

/// Columns, as the append function takes them.
#[derive(Default)]
struct Batch {
    types: Vec<&'static str>,
    stream_ids: Vec<String>,
    sequences: Vec<i64>,
    names: Vec<&'static str>,
    versions: Vec<String>,
    payloads: Vec<String>,
    ids: Vec<uuid::Uuid>,
}

impl Batch {
    fn push(&mut self, event: New, sequences: &mut HashMap<(&'static str, String), i64>) {
        // An order has no second event here, and there are millions of them.
        let sequence = if event.kind == Order::KIND {
            1
        } else {
            let last = sequences.entry((event.kind, event.id.clone())).or_default();
            *last += 1;
            *last
        };
        self.push_at(event, sequence);
    }

    fn push_at(&mut self, event: New, sequence: i64) {
        let New { kind, id, name, version, payload } = event;
        self.types.push(kind);
        self.stream_ids.push(id);
        self.sequences.push(sequence);
        self.names.push(name);
        self.versions.push(version.to_string());
        self.payloads.push(payload);
        self.ids.push(new_id());
    }

    /// No other process writes, so there is nothing to expect.
    async fn append(self, database: &TestDatabase) {
        let metadata = format!(r#"{{"actor":"customer-1","request_id":"{}"}}"#, new_id().simple());
        sqlx::query(
            "SELECT append_batch(NULL, NULL, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
                                 $1, $2, $3, $4, $5, $6, $7, array_fill(1, ARRAY[cardinality($7)]), ARRAY[$8])",
        )
        .bind(self.types)
        .bind(self.stream_ids)
        .bind(self.sequences)
        .bind(self.names)
        .bind(self.versions)
        .bind(self.payloads)
        .bind(self.ids)
        .bind(metadata)
        .execute(&database.superuser)
        .await
        .expect("events that nobody contests");
    }
}
