//! The use cases of an order: its own stream, the products that price it, the stock that it holds.

mod cancel;
mod claim;
mod claim_guest;
mod confirm;
mod deliver;
mod expire;
mod note;
mod place;
mod priced;
mod quote;
mod ship;
mod tax;

use daybook_domain::{
    ids::OrderId,
    money::{Money, Price},
    order::{Command, OpenLine, Order, Status, stock_moves},
    quantity::Quantity,
    sku::Sku,
    stock::Stock,
    text::ProductName,
};
use serde::{Deserialize, Serialize};

use crate::{
    Context,
    state::Wanted,
    use_case::Outcome,
    work::{Halt, Work},
};

pub use cancel::{CancelOrder, CancelOrderRequest};
pub use claim_guest::ClaimOrder;
pub use confirm::ConfirmOrder;
pub use deliver::DeliverOrder;
pub use expire::ExpireOrder;
pub use place::{PlaceOrder, PlaceOrderRequest, Quoted};
pub use priced::PlaceLine;
pub use quote::{AskQuote, AskQuoteRequest, QuoteOutcome, QuotedLine};
pub use ship::{ShipOrder, ShipOrderRequest};

/// The order after the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderOutcome {
    pub id: OrderId,
    pub status: Status,
    pub version: i64,
    pub lines: Vec<OutcomeLine>,
    pub total: Money,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutcomeLine {
    pub sku: Sku,
    pub name: ProductName,
    pub quantity: Quantity,
    pub unit_price: Price,
    pub total: Money,
}

impl Outcome for OrderOutcome {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Changes an order that is there, and the stock that is promised to it.
fn change(
    context: &Context,
    work: &mut Work<'_>,
    id: OrderId,
    command: Command,
) -> Result<OrderOutcome, Halt> {
    let key = id.to_string();
    let before = work.state::<Order>(&key)?;
    work.expect_version::<Order>(&key, context.if_match.as_deref())?;
    work.execute::<Order>(&key, command)?;
    let after = work.state::<Order>(&key)?;
    move_stock(work, id, &before, &after)?;
    outcome(work, id, &key)
}

/// What the order's change means for the stock that is promised to it.
fn move_stock(work: &mut Work<'_>, id: OrderId, before: &Order, after: &Order) -> Result<(), Halt> {
    let moves = stock_moves(before, after, id);
    work.need(moves.iter().map(|(sku, _)| Wanted::of::<Stock>(sku.as_str())))?;
    moves.into_iter().try_for_each(|(sku, command)| work.execute::<Stock>(sku.as_str(), command))
}

/// `key` is the id as its stream has it.
fn outcome(work: &mut Work<'_>, id: OrderId, key: &str) -> Result<OrderOutcome, Halt> {
    let (version, order) = work.versioned::<Order>(key)?;
    let order = order.details().ok_or_else(|| Halt::Broken("an order that changed exists".into()))?;
    let line = |line: &OpenLine| {
        let total = line.total().ok_or_else(|| Halt::Broken("the total of a placed line fits".into()))?;
        let OpenLine { sku, name, unit_price, ordered, .. } = line.clone();
        Ok(OutcomeLine { sku, name, quantity: ordered, unit_price, total })
    };
    let lines = order.lines.iter().map(line).collect::<Result<_, Halt>>()?;
    Ok(OrderOutcome { id, status: order.status, version, lines, total: order.total })
}
