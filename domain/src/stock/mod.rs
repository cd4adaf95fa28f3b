//! The stock of one SKU: `stock/{sku}`. Counters only; which order holds what is the order's.

mod decide;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{
    code::GeneralCode,
    codes,
    decider::{self, Guarded},
    ids::OrderId,
    policy::{Action, Demand},
    rejection_codes,
    text::{Reason, Reference},
};

/// The most pieces of one SKU that can be on hand.
pub const MAX_ON_HAND: i64 = 1_000_000_000_000;

/// All counts in pieces, none ever negative, and `held + allocated <= on_hand`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    pub on_hand: i64,
    /// Promised to orders that are placed.
    pub held: i64,
    /// Promised to orders that are confirmed.
    pub allocated: i64,
}

/// Quantities are positive. An order's lines of one SKU are summed before they come here.
#[derive(Debug, Clone)]
pub enum Command {
    Receive {
        quantity: i64,
        reference: Option<Reference>,
    },
    Adjust {
        delta: i64,
        reason: Reason,
    },
    Hold {
        order: OrderId,
        quantity: i64,
    },
    ReleaseHold {
        order: OrderId,
        quantity: i64,
    },
    /// Turns a hold into an allocation.
    Allocate {
        order: OrderId,
        quantity: i64,
    },
    ReleaseAllocation {
        order: OrderId,
        quantity: i64,
    },
    Ship {
        order: OrderId,
        quantity: i64,
    },
}

/// Stored for ever: add variants, never edit one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    #[serde(rename = "StockReceived")]
    Received {
        quantity: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<Reference>,
    },
    #[serde(rename = "StockAdjusted")]
    Adjusted { delta: i64, reason: Reason },
    #[serde(rename = "StockHeld")]
    Held { order: OrderId, quantity: i64 },
    #[serde(rename = "StockHoldReleased")]
    HoldReleased { order: OrderId, quantity: i64 },
    #[serde(rename = "StockAllocated")]
    Allocated { order: OrderId, quantity: i64 },
    #[serde(rename = "StockAllocationReleased")]
    AllocationReleased { order: OrderId, quantity: i64 },
    #[serde(rename = "StockShipped")]
    Shipped { order: OrderId, quantity: i64 },
}

impl decider::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Received { .. } => "StockReceived",
            Self::Adjusted { .. } => "StockAdjusted",
            Self::Held { .. } => "StockHeld",
            Self::HoldReleased { .. } => "StockHoldReleased",
            Self::Allocated { .. } => "StockAllocated",
            Self::AllocationReleased { .. } => "StockAllocationReleased",
            Self::Shipped { .. } => "StockShipped",
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("{available} available, {requested} asked for")]
    Insufficient { available: i64, requested: i64 },
    /// The same, for callers who may not read how many there are.
    #[error("fewer than {requested} are available")]
    Fewer { requested: i64 },
    #[error("a quantity is positive")]
    NotPositive,
    #[error("stock of one SKU is at most {MAX_ON_HAND} pieces")]
    TooMuch,
    #[error("an adjustment of 0 changes nothing")]
    NothingToAdjust,
    /// An order ends each hold and allocation once, so this shows a defect.
    #[error("{promised} pieces are promised, {requested} were to be ended")]
    NotPromised { promised: i64, requested: i64 },
    /// The same, for callers who may not read how many are promised.
    #[error("fewer than {requested} pieces are promised")]
    FewerPromised { requested: i64 },
}

codes! {
    "codes",
    /// Why a movement of stock is refused, where the general codes don't say it.
    pub enum StockCode {
        Insufficient = Invalid, "insufficient_stock", "Insufficient stock";
        OutOfRange = Invalid, "stock_out_of_range", "Stock out of range";
        NothingToAdjust = Invalid, "nothing_to_adjust", "Nothing to adjust";
        NotPromised = Invalid, "stock_not_promised", "Stock not promised";
    }
}

rejection_codes! {
    Rejection {
        Insufficient => StockCode::Insufficient,
        Fewer => StockCode::Insufficient,
        NotPositive => GeneralCode::ValidationFailed,
        TooMuch => StockCode::OutOfRange,
        NothingToAdjust => StockCode::NothingToAdjust,
        NotPromised => StockCode::NotPromised,
        FewerPromised => StockCode::NotPromised,
    }
    guarded by guard
}

/// How many pieces there are is told to those who may read stock.
fn guard(rejection: &Rejection) -> Option<Guarded<Rejection>> {
    let otherwise = match *rejection {
        Rejection::Insufficient { requested, .. } => Rejection::Fewer { requested },
        Rejection::NotPromised { requested, .. } => Rejection::FewerPromised { requested },
        Rejection::Fewer { .. } | Rejection::FewerPromised { .. } => return None,
        Rejection::NotPositive | Rejection::TooMuch | Rejection::NothingToAdjust => return None,
    };
    Some(Guarded { demand: Demand { action: Action::ReadStock, owner: None }, otherwise })
}

impl Stock {
    /// What can still be promised.
    pub fn available(&self) -> i64 {
        self.on_hand - self.held - self.allocated
    }
}
