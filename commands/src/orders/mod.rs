//! The use cases of an order: its own stream, the products that price it, the stock that it holds.

mod cancel;
mod confirm;
mod deliver;
mod place;
mod ship;

use daybook_domain::{
    ids::OrderId,
    money::{Money, Price},
    order::{Command, OpenLine, Order, Status, pieces_by_sku},
    quantity::Quantity,
    sku::Sku,
    stock::{self, Stock},
    text::ProductName,
};
use serde::{Deserialize, Serialize};

use crate::{
    Context,
    state::Wanted,
    use_case::Outcome,
    work::{Halt, Work},
};

pub use cancel::CancelOrder;
pub use confirm::ConfirmOrder;
pub use deliver::DeliverOrder;
pub use place::{PlaceLine, PlaceOrder, PlaceOrderRequest};
pub use ship::ShipOrder;

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
    work.expect_version::<Order>(&key, context.if_match)?;
    work.execute::<Order>(&key, command)?;
    let after = work.state::<Order>(&key)?;
    move_stock(work, id, &before, &after)?;
    outcome(work, id)
}

/// What an order's change means for the stock that is promised to it.
fn move_stock(work: &mut Work<'_>, id: OrderId, before: &Order, after: &Order) -> Result<(), Halt> {
    let (Some(before), Some(after)) = (before.details(), after.details()) else { return Ok(()) };
    let command: fn(OrderId, i64) -> stock::Command = match (before.status, after.status) {
        (Status::Placed, Status::Confirmed) => |order, quantity| stock::Command::Allocate { order, quantity },
        (Status::Placed, Status::Cancelled) => {
            |order, quantity| stock::Command::ReleaseHold { order, quantity }
        }
        (Status::Confirmed, Status::Cancelled) => {
            |order, quantity| stock::Command::ReleaseAllocation { order, quantity }
        }
        (_, Status::Shipped | Status::PartlyShipped) => {
            |order, quantity| stock::Command::Ship { order, quantity }
        }
        _ => return Ok(()),
    };
    let shipping = matches!(after.status, Status::Shipped | Status::PartlyShipped);
    let lines = before.lines.iter().zip(&after.lines);
    let pieces = pieces_by_sku(lines.map(|(before, after)| {
        let moved = if shipping { after.shipped - before.shipped } else { before.left() };
        (&before.sku, moved)
    }));
    work.need(pieces.keys().map(|sku| Wanted::of::<Stock>(sku.as_str())))?;
    for (sku, quantity) in pieces.into_iter().filter(|(_, quantity)| *quantity > 0) {
        work.execute::<Stock>(sku.as_str(), command(id, quantity))?;
    }
    Ok(())
}

fn outcome(work: &mut Work<'_>, id: OrderId) -> Result<OrderOutcome, Halt> {
    let key = id.to_string();
    let version = work.version::<Order>(&key)?;
    let order = work.state::<Order>(&key)?;
    let order = order.details().ok_or_else(|| Halt::Broken("an order that changed exists".into()))?;
    let line = |line: &OpenLine| {
        let total = line.total().ok_or_else(|| Halt::Broken("the total of a placed line fits".into()))?;
        let OpenLine { sku, name, unit_price, ordered, shipped: _ } = line.clone();
        Ok(OutcomeLine { sku, name, quantity: ordered, unit_price, total })
    };
    let lines = order.lines.iter().map(line).collect::<Result<_, Halt>>()?;
    Ok(OrderOutcome { id, status: order.status, version, lines, total: order.total })
}
