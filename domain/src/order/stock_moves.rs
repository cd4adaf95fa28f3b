//! What the stock owes an order, and what it has to do when the order changes.
//!
//! The first is the rule: how many pieces an order holds or has allocated, by its status. The second follows from
//! it: the difference between what was owed before and what is owed afterwards. `daybook verify` checks the first
//! over the whole log, so a use case that leaves a move out is found.

use std::{collections::BTreeMap, ops::AddAssign};

use super::{OpenLine, Order, Status};
use crate::{ids::OrderId, sku::Sku, stock};

/// Pieces of one SKU that are promised to orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Promised {
    pub held: i64,
    pub allocated: i64,
}

impl Promised {
    pub const NOTHING: Self = Self { held: 0, allocated: 0 };

    /// What an order in this status is promised of one of its lines.
    fn of(line: &OpenLine, status: Status) -> Self {
        match status {
            Status::Placed => Self { held: line.left(), ..Self::NOTHING },
            Status::Confirmed | Status::PartlyShipped => Self { allocated: line.left(), ..Self::NOTHING },
            Status::Shipped | Status::Delivered | Status::Cancelled => Self::NOTHING,
        }
    }
}

impl AddAssign for Promised {
    fn add_assign(&mut self, more: Self) {
        self.held += more.held;
        self.allocated += more.allocated;
    }
}

impl From<&stock::Stock> for Promised {
    fn from(stock: &stock::Stock) -> Self {
        Self { held: stock.held, allocated: stock.allocated }
    }
}

/// The invariant: what is promised to this order, line by line. For each SKU, the stock's `held` and `allocated` are
/// the sums of this over all orders.
pub fn promised(order: &Order) -> impl Iterator<Item = (&Sku, Promised)> {
    order
        .details()
        .into_iter()
        .flat_map(|details| details.lines.iter().map(|line| (&line.sku, Promised::of(line, details.status))))
}

/// What the stock of each SKU is told when an order changes from `before` to `after`, in the order of the SKUs. With
/// these commands the invariant still holds afterwards.
pub fn stock_moves(before: &Order, after: &Order, id: OrderId) -> Vec<(Sku, stock::Command)> {
    let mut changes: BTreeMap<&Sku, Change> = BTreeMap::new();
    for (sign, order) in [(-1, before), (1, after)] {
        for (sku, Promised { held, allocated }) in promised(order) {
            let change = changes.entry(sku).or_default();
            change.held += sign * held;
            change.allocated += sign * allocated;
        }
        for line in order.details().map_or(&[][..], |details| &details.lines) {
            changes.entry(&line.sku).or_default().shipped += sign * line.shipped;
        }
    }
    let mut moves = Vec::new();
    for (sku, change) in changes {
        moves.extend(change.commands(id).into_iter().map(|command| (sku.clone(), command)));
    }
    moves
}

/// By how many pieces of one SKU an order's claims on the stock have changed.
#[derive(Default)]
struct Change {
    held: i64,
    allocated: i64,
    shipped: i64,
}

impl Change {
    fn commands(self, order: OrderId) -> Vec<stock::Command> {
        let Self { mut held, mut allocated, shipped } = self;
        let mut commands = Vec::new();
        let mut push = |quantity: i64, command: fn(OrderId, i64) -> stock::Command| {
            if quantity > 0 {
                commands.push(command(order, quantity));
            }
        };
        // What is shipped was allocated, and what becomes allocated was held.
        allocated += shipped;
        push(shipped, |order, quantity| stock::Command::Ship { order, quantity });
        held += allocated.max(0);
        push(held, |order, quantity| stock::Command::Hold { order, quantity });
        push(allocated, |order, quantity| stock::Command::Allocate { order, quantity });
        push(-held, |order, quantity| stock::Command::ReleaseHold { order, quantity });
        push(-allocated, |order, quantity| stock::Command::ReleaseAllocation { order, quantity });
        commands
    }
}
