//! Orders as customers and support see them. Personal data stays sealed.

use chrono::{DateTime, Utc};
use daybook_domain::{
    Decider, Position, Record,
    money::{Currency, Money, Price},
    order::{CancelCause, Event, Order, Placement, Status},
    pricing::Terms,
    sealed::{Note, Sealed},
    sku::Sku,
    stored::Unreadable,
    text::{CustomerId, ExternalId, Metadata, ProductName, Reason, Reference},
};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};

use super::{Column, List, Place, ReadModel};

pub struct Orders;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub id: String,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    pub lines: Vec<Line>,
    pub currency: Currency,
    pub total: Money,
    /// A [`daybook_domain::contact::Contact`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Sealed>,
    /// A [`daybook_domain::contact::Address`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<Sealed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub override_reason: Option<Note<Reason>>,
    /// One of each shipment that had one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracking: Vec<Note<Reference>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<Note<Reason>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_cause: Option<CancelCause>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until: Option<DateTime<Utc>>,
    /// What the lines come to with their taxes, if those are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// A [`daybook_domain::tax::Buyer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer: Option<Sealed>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Orders are listed by this position; no two orders have the same.
    pub placed_position: Position,
    pub version: i64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub sku: Sku,
    pub name: ProductName,
    pub quantity: i64,
    pub unit_price: Price,
    /// The catalogue's price, where another one was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list_price: Option<Price>,
    pub total: Money,
    /// Pieces that have been shipped.
    pub shipped: i64,
    /// Pieces that were cancelled apart from the rest of the order.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cancelled: i64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(pieces: &i64) -> bool {
    *pieces == 0
}

/// A page of orders, the newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub status: Option<Status>,
    /// Only orders in one of these.
    pub among: Option<&'static [Status]>,
    pub customer: Option<String>,
    /// Only orders with one of these ids.
    pub ids: Option<Vec<String>>,
    /// 1–100.
    pub limit: u16,
    /// Beside the order that was placed at that position.
    pub place: Place<Position>,
    /// Orders that were placed behind this position.
    pub placed_behind: Option<Position>,
    /// Orders that were placed up to this position.
    pub placed_up_to: Option<Position>,
}

impl ReadModel for Orders {
    const NAME: &'static str = "orders";
    const KIND: &'static str = Order::KIND;
    const COLUMNS: &'static [Column] = &[
        Column { name: "status", sql_type: "text" },
        Column { name: "customer", sql_type: "text" },
        Column { name: "placed_position", sql_type: "bigint" },
    ];
    const INDEXES: &'static [&'static str] = &[
        "(placed_position)",
        "(status, placed_position)",
        "(customer, placed_position)",
        "(customer, status, placed_position)",
    ];
    const GROUP: Option<&'static str> = Some("customer");
    type Row = Row;

    fn fold(row: Option<Row>, record: &Record) -> Result<Option<Row>, Unreadable> {
        let event: Event = record.decode()?;
        let row = match (row, event) {
            (_, Event::Placed(placement)) => Some(placed(*placement, record)),
            (None, _) => None,
            (Some(mut row), event) => {
                row.change(event);
                Some(row)
            }
        };
        Ok(row.map(|row| Row { version: record.sequence, updated_at: record.recorded_at, ..row }))
    }

    fn columns(row: &Row) -> Vec<Option<String>> {
        vec![
            Some(row.status.as_str().to_owned()),
            row.customer.as_ref().map(|customer| customer.as_str().to_owned()),
            Some(row.placed_position.to_string()),
        ]
    }
}

impl List for Filter {
    type Model = Orders;
    const ORDER: &'static str = "placed_position DESC";
    const BACKWARDS: &'static str = "placed_position";

    fn limit(&self) -> u16 {
        self.limit
    }

    fn place(&self) -> Place<()> {
        self.place.side()
    }

    fn group(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    fn conditions(&self, query: &mut QueryBuilder<'_, Postgres>) {
        if let Some(status) = self.status {
            query.push(" AND status = ").push_bind(status.as_str());
        }
        if let Some(among) = self.among {
            let words: Vec<String> = among.iter().map(|status| status.as_str().to_owned()).collect();
            query.push(" AND status = ANY(").push_bind(words).push(")");
        }
        if let Some(customer) = &self.customer {
            query.push(" AND customer = ").push_bind(customer.clone());
        }
        if let Some(ids) = &self.ids {
            query.push(" AND id = ANY(").push_bind(ids.clone()).push(")");
        }
        match self.place {
            Place::First => {}
            Place::After(newer) => {
                query.push(" AND placed_position < ").push_bind(newer.0);
            }
            Place::Before(older) => {
                query.push(" AND placed_position > ").push_bind(older.0);
            }
        }
        if let Some(behind) = self.placed_behind {
            query.push(" AND placed_position > ").push_bind(behind.0);
        }
        if let Some(up_to) = self.placed_up_to {
            query.push(" AND placed_position <= ").push_bind(up_to.0);
        }
    }

    fn key(row: &Row) -> String {
        row.placed_position.to_string()
    }
}

fn placed(placement: Placement, record: &Record) -> Row {
    let lines = placement
        .lines
        .into_iter()
        .map(|line| Line {
            // The decider summed these totals, so none of them overflows.
            total: line.total().unwrap_or(Money::new(i64::MAX, placement.currency)),
            sku: line.sku,
            name: line.name,
            quantity: line.quantity.get(),
            unit_price: line.unit_price,
            list_price: line.list_price,
            shipped: 0,
            cancelled: 0,
        })
        .collect();
    Row {
        id: record.aggregate_id.clone(),
        status: Status::Placed,
        customer: placement.customer,
        lines,
        currency: placement.currency,
        total: placement.total,
        contact: placement.contact,
        ship_to: placement.ship_to,
        external_id: placement.external_id,
        metadata: placement.metadata,
        override_reason: Note::of_members(placement.override_reason, placement.sealed_override_reason),
        tracking: vec![],
        cancel_reason: None,
        cancel_cause: None,
        pay_until: placement.pay_until,
        terms: placement.terms,
        buyer: placement.buyer,
        placed_at: record.recorded_at,
        updated_at: record.recorded_at,
        placed_position: record.position,
        version: 0,
    }
}

impl Row {
    fn change(&mut self, event: Event) {
        match event {
            Event::Placed(_) => {}
            Event::Confirmed {} => self.status = Status::Confirmed,
            Event::Cancelled { cause, reason, sealed_reason } => {
                self.status = Status::Cancelled;
                self.cancel_cause = cause;
                self.cancel_reason = Note::of_members(reason, sealed_reason);
            }
            Event::Shipped { parcels, tracking, sealed_tracking, complete } => {
                for parcel in parcels {
                    if let Some(line) = self.lines.get_mut(parcel.line) {
                        line.shipped += parcel.quantity;
                    }
                }
                self.tracking.extend(Note::of_members(tracking, sealed_tracking));
                self.status = if complete { Status::Shipped } else { Status::PartlyShipped };
            }
            Event::Delivered {} => self.status = Status::Delivered,
            Event::Claimed { customer } => self.customer = Some(customer),
            Event::LinesCancelled { parcels, .. } => {
                for parcel in parcels {
                    if let Some(line) = self.lines.get_mut(parcel.line) {
                        line.cancelled += parcel.quantity;
                    }
                }
                let left = self.lines.iter().map(|line| line.quantity - line.shipped - line.cancelled).sum();
                self.status = self.status.after_lines_were_cancelled(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::order::{self, Parcel};

    use super::*;
    use crate::read_models::testing::given;

    fn two_cups() -> Event {
        let line = order::Line {
            sku: "CUP".parse().expect("a SKU"),
            name: "Cup".parse().expect("a name"),
            quantity: 2.try_into().expect("in range"),
            unit_price: Money::new(300, Currency::EUR).try_into().expect("in range"),
            list_price: None,
        };
        Event::Placed(Box::new(Placement {
            customer: Some("alice".parse().expect("a customer")),
            lines: vec![line],
            currency: Currency::EUR,
            total: Money::new(600, Currency::EUR),
            override_reason: None,
            sealed_override_reason: None,
            contact: None,
            ship_to: None,
            external_id: None,
            metadata: Metadata::default(),
            pay_until: None,
            terms: None,
            buyer: None,
        }))
    }

    fn one_cup(complete: bool) -> Event {
        Event::Shipped {
            parcels: vec![Parcel { line: 0, sku: "CUP".parse().expect("a SKU"), quantity: 1 }],
            tracking: Some("T1".parse().expect("a reference")),
            sealed_tracking: None,
            complete,
        }
    }

    #[test]
    fn a_placed_order_is_listed_for_its_customer() {
        let row = given::<Orders, _>("ord_1", [two_cups()]).row();
        assert_eq!(row.lines[0].total, Money::new(600, Currency::EUR));
        assert_eq!(
            Orders::columns(&row),
            vec![Some("placed".into()), Some("alice".into()), Some("1".into())]
        );
    }

    #[test]
    fn parcels_add_up_until_the_order_is_shipped() {
        let partly = given::<Orders, _>("ord_1", [two_cups(), Event::Confirmed {}, one_cup(false)]).row();
        assert_eq!((partly.status, partly.lines[0].shipped), (Status::PartlyShipped, 1));
        let wholly =
            given::<Orders, _>("ord_1", [two_cups(), Event::Confirmed {}, one_cup(false), one_cup(true)])
                .row();
        assert_eq!((wholly.status, wholly.lines[0].shipped), (Status::Shipped, 2));
        assert_eq!((wholly.tracking.len(), wholly.version), (2, 4));
    }

    #[test]
    fn an_order_whose_rest_is_cancelled_is_shipped() {
        let rest = Event::LinesCancelled {
            parcels: vec![Parcel { line: 0, sku: "CUP".parse().expect("a SKU"), quantity: 1 }],
            reason: None,
            sealed_reason: None,
        };
        let row = given::<Orders, _>("ord_1", [two_cups(), Event::Confirmed {}, rest.clone()]).row();
        assert_eq!((row.status, row.lines[0].cancelled), (Status::Confirmed, 1));
        let row = given::<Orders, _>("ord_1", [two_cups(), Event::Confirmed {}, one_cup(false), rest]).row();
        assert_eq!((row.status, row.lines[0].shipped, row.lines[0].cancelled), (Status::Shipped, 1, 1));
    }

    #[test]
    fn a_cancelled_order_says_why() {
        let reason: Reason = "changed my mind".parse().expect("a reason");
        let sealed = Sealed { key_id: uuid::Uuid::from_u128(7), data: "c2VhbGVk".into() };
        let said = Event::Cancelled { cause: None, reason: Some(reason.clone()), sealed_reason: None };
        let row = given::<Orders, _>("ord_1", [two_cups(), said]).row();
        assert_eq!((row.status, row.cancel_reason), (Status::Cancelled, Some(Note::Clear(reason))));
        let sealed_one = Event::Cancelled { cause: None, reason: None, sealed_reason: Some(sealed.clone()) };
        let row = given::<Orders, _>("ord_1", [two_cups(), sealed_one]).row();
        assert_eq!(row.cancel_reason, Some(Note::Sealed(sealed)));
    }

    /// Catches: a guest's order that its owner doesn't find among their own, because its column is still empty.
    #[test]
    fn a_claimed_order_is_listed_for_its_customer() {
        let Event::Placed(placement) = two_cups() else { panic!("it is placed") };
        let by_guest = Event::Placed(Box::new(Placement { customer: None, ..*placement }));
        let row = given::<Orders, _>("ord_1", [by_guest.clone()]).row();
        assert_eq!(Orders::columns(&row)[1], None);
        let claimed = Event::Claimed { customer: "alice".parse().expect("a customer") };
        let row = given::<Orders, _>("ord_1", [by_guest, claimed]).row();
        assert_eq!((Orders::columns(&row)[1].as_deref(), row.version), (Some("alice"), 2));
    }

    #[test]
    fn an_order_that_was_never_placed_has_no_row() {
        given::<Orders, _>("ord_1", [Event::Confirmed {}]).nothing();
    }
}
