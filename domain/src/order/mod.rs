//! A customer's order: `order/{id}`. It knows what stock is promised to it, and ends each promise once.

mod decide;
mod lines;
mod stock_moves;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    code::GeneralCode,
    codes, decider,
    money::{Currency, Money, Price},
    pricing::Terms,
    quantity::Quantity,
    rejection_codes,
    sealed::{Note, Sealed},
    sku::Sku,
    text::{CustomerId, ExternalId, Metadata, ProductName, Reason, Reference},
    words,
};

pub use lines::{check_line_count, check_override_reason, pieces_by_sku, to_pay, total};
pub use stock_moves::{Promised, promised, stock_moves};

/// An order has 1 to this many lines.
pub const MAX_LINES: usize = 2_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Order {
    #[default]
    Unknown,
    Known(Details),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The customer who placed or claimed it; `None` if it is a guest's order.
    pub customer: Option<CustomerId>,
    pub lines: Vec<OpenLine>,
    pub total: Money,
    pub status: Status,
    /// An order that is still placed then may be cancelled, because its stock is wanted by others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until: Option<DateTime<Utc>>,
}

/// What was ordered on a line, and how much of it has been shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenLine {
    pub sku: Sku,
    pub name: ProductName,
    pub unit_price: Price,
    pub ordered: Quantity,
    pub shipped: i64,
    /// Pieces that were cancelled apart from the rest of the order.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(pieces: &i64) -> bool {
    *pieces == 0
}

words! {
    /// Stored for ever: add words, never rename one.
    pub enum Status {
        /// Its stock is held.
        Placed = "placed",
        /// Its stock is allocated.
        Confirmed = "confirmed",
        PartlyShipped = "partly_shipped",
        Shipped = "shipped",
        Delivered = "delivered",
        Cancelled = "cancelled",
    }
}

impl Status {
    /// Confirmed or further: what is to be shipped, and what was.
    pub const TO_SHIP: &'static [Self] =
        &[Self::Confirmed, Self::PartlyShipped, Self::Shipped, Self::Delivered];

    /// With nothing left to be shipped, an order of which a part was shipped is shipped.
    #[must_use]
    pub fn after_lines_were_cancelled(self, left: i64) -> Self {
        if self == Self::PartlyShipped && left == 0 { Self::Shipped } else { self }
    }
}

/// A line as it was ordered: a snapshot that later changes of the catalogue don't touch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub sku: Sku,
    pub name: ProductName,
    pub quantity: Quantity,
    pub unit_price: Price,
    /// The catalogue's price, where another one was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Price>,
}

/// So many pieces of a SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pieces {
    pub sku: Sku,
    pub quantity: Quantity,
}

/// So many pieces of one line, or of a SKU that stands on one line only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portion {
    #[serde(flatten)]
    pub of: PortionOf,
    pub quantity: Quantity,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PortionOf {
    /// Index of the line, from 0.
    Line(usize),
    Sku(Sku),
}

#[derive(Debug, Clone)]
pub enum Command {
    Place(Box<Place>),
    Confirm,
    Cancel {
        reason: Option<Note<Reason>>,
    },
    /// Cancels an order that was to be paid by now. Nothing follows from it if it wasn't, or if the order is past that.
    Expire {
        now: DateTime<Utc>,
    },
    /// Cancels pieces that are not shipped yet, and leaves the rest.
    CancelLines {
        portions: Vec<Portion>,
        reason: Option<Note<Reason>>,
    },
    /// `None`: all that is left.
    Ship {
        pieces: Option<Vec<Pieces>>,
        tracking: Option<Note<Reference>>,
    },
    MarkDelivered,
    /// Gives a guest's order to the person who placed it.
    Claim {
        customer: CustomerId,
    },
}

/// All that the caller knows of a new order. Its total is made from the lines, if its terms don't have one.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub customer: Option<CustomerId>,
    pub lines: Vec<Line>,
    pub currency: Currency,
    /// Why prices differ from the catalogue's.
    pub override_reason: Option<Note<Reason>>,
    /// A [`crate::contact::Contact`].
    pub contact: Option<Sealed>,
    /// A [`crate::contact::Address`].
    pub ship_to: Option<Sealed>,
    pub external_id: Option<ExternalId>,
    pub metadata: Metadata,
    /// Until when its stock is held for it; `None`: until it is confirmed or cancelled.
    pub pay_until: Option<DateTime<Utc>>,
    /// What the lines come to; `None`: their taxes aren't known.
    pub terms: Option<Terms>,
    /// A [`crate::tax::Buyer`], if it is a business.
    pub buyer: Option<Sealed>,
}

/// All that is known when an order was placed, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    pub lines: Vec<Line>,
    pub currency: Currency,
    /// What is to be paid: with its taxes, if they are known.
    pub total: Money,
    /// Why prices differ from the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed_override_reason: Option<Sealed>,
    /// A [`crate::contact::Contact`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Sealed>,
    /// A [`crate::contact::Address`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until: Option<DateTime<Utc>>,
    /// The taxes of an order that has none aren't known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// A [`crate::tax::Buyer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Sealed>,
}

words! {
    /// Why an order was cancelled, if no one asked for it. Stored for ever: add words, never rename one.
    pub enum CancelCause {
        /// It was to be paid by a time, and wasn't.
        Unpaid = "unpaid",
    }
}

/// Stored for ever: add variants, never edit one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    #[serde(rename = "OrderPlaced")]
    Placed(Box<Placement>),
    #[serde(rename = "OrderConfirmed")]
    Confirmed {},
    #[serde(rename = "OrderCancelled")]
    Cancelled {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cause: Option<CancelCause>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_reason: Option<Sealed>,
    },
    #[serde(rename = "OrderShipped")]
    Shipped {
        /// What was shipped, by line.
        parcels: Vec<Parcel>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tracking: Option<Reference>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_tracking: Option<Sealed>,
        /// Nothing is left to be shipped.
        complete: bool,
    },
    #[serde(rename = "OrderDelivered")]
    Delivered {},
    /// Release 0.1 can't read it, so it is written only where the feature `cancel_lines` is enabled.
    #[serde(rename = "OrderLinesCancelled")]
    LinesCancelled {
        /// What was cancelled, by line.
        parcels: Vec<Parcel>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_reason: Option<Sealed>,
    },
    /// It was a guest's order, and is a customer's from now on. Releases before accounts can't read it.
    #[serde(rename = "OrderClaimed")]
    Claimed { customer: CustomerId },
}

/// So many pieces of one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Index of the line, from 0.
    pub line: usize,
    pub sku: Sku,
    pub quantity: i64,
}

impl decider::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Placed(_) => "OrderPlaced",
            Self::Confirmed {} => "OrderConfirmed",
            Self::Cancelled { .. } => "OrderCancelled",
            Self::Shipped { .. } => "OrderShipped",
            Self::Delivered {} => "OrderDelivered",
            Self::LinesCancelled { .. } => "OrderLinesCancelled",
            Self::Claimed { .. } => "OrderClaimed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no such order")]
    NotFound,
    #[error("there is an order with this id")]
    AlreadyExists,
    #[error("an order has 1 to {MAX_LINES} lines")]
    LineCount,
    #[error("an order with a unit_price says in override_reason why it isn't the catalogue's")]
    NoOverrideReason,
    #[error("all lines of an order have its currency")]
    MixedCurrencies,
    #[error("the total is larger than can be counted")]
    TotalOutOfRange,
    #[error("an order that is {status} can't be confirmed")]
    NotConfirmable { status: Status },
    #[error("an order that is {status} can't be cancelled")]
    NotCancellable { status: Status },
    #[error("{left} pieces of line {line} are left to be cancelled, {requested} were named")]
    MoreThanLeft { line: usize, left: i64, requested: i64 },
    #[error("a cancellation of lines names at least one")]
    NothingNamed,
    #[error("the order has no line {line}; the first one is 0")]
    NoSuchLine { line: usize },
    #[error("{sku} is on {lines} lines of the order; name one by its number, the first one is 0")]
    NotOneLine { sku: Sku, lines: usize },
    #[error("an order that is {status} can't be shipped")]
    NotShippable { status: Status },
    #[error("an order that is {status} can't be delivered")]
    NotDeliverable { status: Status },
    #[error("{left} pieces of {sku} are left to be shipped, {requested} were named")]
    MoreThanOrdered { sku: Sku, left: i64, requested: i64 },
    #[error("a shipment has at least one piece")]
    NothingToShip,
}

codes! {
    "codes",
    /// Why an order is refused, where the general codes don't say it.
    pub enum OrderCode {
        CurrencyMismatch = Invalid, "currency_mismatch", "Currency mismatch";
        TotalOutOfRange = Invalid, "total_out_of_range", "Total out of range";
        NotConfirmable = Invalid, "order_not_confirmable", "Order not confirmable";
        NotCancellable = Invalid, "order_not_cancellable", "Order not cancellable";
        NotShippable = Invalid, "order_not_shippable", "Order not shippable";
        NotDeliverable = Invalid, "order_not_deliverable", "Order not deliverable";
        ShipmentExceedsOrder = Invalid, "shipment_exceeds_order", "Shipment exceeds order";
        NothingToShip = Invalid, "nothing_to_ship", "Nothing to ship";
    }
}

rejection_codes! {
    Rejection {
        NotFound => GeneralCode::NotFound,
        AlreadyExists => GeneralCode::AlreadyExists,
        LineCount => GeneralCode::ValidationFailed,
        NoOverrideReason => GeneralCode::ValidationFailed,
        MixedCurrencies => OrderCode::CurrencyMismatch,
        TotalOutOfRange => OrderCode::TotalOutOfRange,
        NotConfirmable => OrderCode::NotConfirmable,
        NotCancellable => OrderCode::NotCancellable,
        MoreThanLeft => OrderCode::NotCancellable,
        NothingNamed => GeneralCode::ValidationFailed,
        NoSuchLine => GeneralCode::ValidationFailed,
        NotOneLine => GeneralCode::ValidationFailed,
        NotShippable => OrderCode::NotShippable,
        NotDeliverable => OrderCode::NotDeliverable,
        MoreThanOrdered => OrderCode::ShipmentExceedsOrder,
        NothingToShip => OrderCode::NothingToShip,
    }
}

impl Order {
    pub fn details(&self) -> Option<&Details> {
        match self {
            Self::Unknown => None,
            Self::Known(details) => Some(details),
        }
    }
}
