//! One order, its personal data opened.

use chrono::{DateTime, Utc};
use daybook_domain::{
    Decider, contact, ids, money, order,
    policy::Action,
    pricing::{LineTerms, Terms},
    sealed::{Note, Sealed},
    tax, text,
};
use daybook_projections::{
    Audience, Log, Moment,
    read_models::orders::{Line, Orders, Row},
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use super::{
    access::{Access, Owner},
    error::ReadError,
    found::Found,
    read::{Item, Making, Read, Scope},
    taxed::{self, Taxation},
};
use crate::{
    values::{
        Address, Buyer, CancelCause, Contact, Currency, CustomerId, ExternalId, Metadata, Money, OrderStatus,
        Price, ProductName, Reason, Reference, Sku,
    },
    vault::{Keys, VaultError},
};

/// One order, today or as it was.
#[derive(Debug)]
pub struct OrderById {
    pub id: ids::OrderId,
    pub as_of: Option<Moment>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Order {
    #[schema(value_type = crate::values::OrderId)]
    pub id: String,
    pub status: OrderStatus,
    #[schema(required)]
    pub customer: Option<CustomerId>,
    #[schema(max_items = 2000)]
    pub lines: Vec<OrderLine>,
    pub currency: Currency,
    /// What is to be paid.
    pub total: Money,
    /// The total without its taxes; `null`: they aren't known.
    #[schema(required)]
    pub net: Option<Money>,
    /// The taxes of the total; `null`: they aren't known.
    #[schema(required)]
    pub tax: Option<Money>,
    #[schema(required)]
    pub taxes: Option<Taxation>,
    /// Who buys, if that was said. Not shown to the warehouse.
    #[schema(required)]
    pub buyer: Option<Buyer>,
    /// Not shown to the warehouse, which ships to `ship_to`.
    #[schema(required)]
    pub contact: Option<Contact>,
    #[schema(required)]
    pub ship_to: Option<Address>,
    /// There was more about the person, and it is erased.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    #[schema(required)]
    pub external_id: Option<ExternalId>,
    /// What the shop has noted is not shown to the customer, who is shown what they noted themselves.
    pub metadata: Metadata,
    /// Not shown to the customer.
    #[schema(required)]
    pub override_reason: Option<Reason>,
    pub tracking: Vec<Reference>,
    /// Shown to the customer if they gave it.
    #[schema(required)]
    pub cancel_reason: Option<Reason>,
    /// Why it was cancelled if no one asked for that.
    #[schema(required)]
    pub cancel_cause: Option<CancelCause>,
    /// When it may be cancelled if it isn't confirmed; `null`: never.
    #[schema(required)]
    pub pay_until: Option<DateTime<Utc>>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    pub version: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct OrderLine {
    pub sku: Sku,
    pub name: ProductName,
    #[schema(value_type = crate::values::Quantity)]
    pub quantity: i64,
    pub unit_price: Price,
    /// The catalogue's price, where another one was agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub list_price: Option<Price>,
    /// Quantity × unit price.
    pub total: Money,
    /// What is to be paid for it without its tax; left out if that isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub net: Option<Money>,
    /// Its share of the order's taxes; left out if they aren't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tax: Option<Money>,
    /// Pieces that have been shipped.
    #[schema(minimum = 0, examples(0))]
    pub shipped: i64,
    /// Pieces that were cancelled apart from the rest of the order. A cancelled order has none for that reason.
    pub cancelled: i64,
}

impl Read for OrderById {
    const NAME: &'static str = "order.by_id";
    const ACCESS: Access = Access::rule(Action::ReadOrder).with_part(Action::ReadOrderToShip);
    type View = Order;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<Order>, ReadError> {
        scope.item::<Self>(self.id.to_string(), self.as_of).await
    }
}

impl Item for OrderById {
    type Model = Orders;

    /// A guest's order has no customer: it is the shop's alone. The part is what the warehouse ships.
    fn owner(row: &Row) -> Owner {
        let customer = row.customer.as_ref();
        let owner = customer.map_or(Owner::Shop, |customer| Owner::Customer(customer.to_string()));
        if order::Status::TO_SHIP.contains(&row.status) { Owner::Part(Box::new(owner)) } else { owner }
    }

    fn version(row: &Row) -> i64 {
        row.version
    }

    async fn views(mut rows: Vec<Row>, making: Making<'_>) -> Result<Vec<Order>, ReadError> {
        match making.audience {
            Audience::Owner => keep_to_customers(&mut rows, making.log).await?,
            // Parcels need the name and the address that they go to, and no e-mail address.
            Audience::Part => rows.iter_mut().for_each(|row| (row.contact, row.buyer) = (None, None)),
            Audience::Public | Audience::Staff => {}
        }
        let keys = making.vault.keys(rows.iter().flat_map(sealed)).await?;
        Ok(rows.into_iter().map(|row| view(row, &keys)).collect::<Result<_, _>>()?)
    }
}

/// Takes out what is internal: why prices were changed, and what the shop has noted or given as a reason. What
/// customers have said themselves of their orders stays.
async fn keep_to_customers(rows: &mut [Row], log: &Log) -> Result<(), ReadError> {
    for row in &mut *rows {
        row.override_reason = None;
    }
    let says_more = |row: &&Row| !row.metadata.is_empty() || row.cancel_reason.is_some();
    let ids: Vec<&str> = rows.iter().filter(says_more).map(|row| row.id.as_str()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let (placed, cancelled) = ("OrderPlaced", "OrderCancelled");
    let actors = log.actors(order::Order::KIND, &ids, &[placed, cancelled]).await?;
    for row in rows {
        let customer = row.customer.as_ref().map(text::CustomerId::as_str);
        let by_customer = |what: &str| {
            let is_it = |(id, name, actor): &(String, String, Option<String>)| {
                *id == row.id && name == what && actor.as_deref() == customer
            };
            customer.is_some() && actors.iter().any(is_it)
        };
        let (placed_it, cancelled_it) = (by_customer(placed), by_customer(cancelled));
        if !placed_it {
            row.metadata = text::Metadata::default();
        }
        if !cancelled_it {
            row.cancel_reason = None;
        }
    }
    Ok(())
}

/// All that is sealed of it.
fn sealed(row: &Row) -> impl Iterator<Item = &Sealed> {
    let reasons = [&row.override_reason, &row.cancel_reason].into_iter().flatten().filter_map(Note::sealed);
    let tracking = row.tracking.iter().filter_map(Note::sealed);
    [&row.contact, &row.ship_to, &row.buyer].into_iter().flatten().chain(reasons).chain(tracking)
}

fn view(row: Row, keys: &Keys) -> Result<Order, VaultError> {
    let mut opening = Opening { keys, erased: false };
    let contact: Option<contact::Contact> = opening.open(row.contact.as_ref())?;
    let ship_to: Option<contact::Address> = opening.open(row.ship_to.as_ref())?;
    let buyer: Option<tax::Buyer> = opening.open(row.buyer.as_ref())?;
    let of_all = row.terms.as_ref().map(|terms| taxed::of_all(terms, row.currency)).unzip();
    let override_reason = opening.read(row.override_reason)?;
    let cancel_reason = opening.read(row.cancel_reason)?;
    let tracking = row.tracking.into_iter().map(|note| opening.read(Some(note)));
    let tracking: Vec<Option<text::Reference>> = tracking.collect::<Result<_, _>>()?;
    Ok(Order {
        id: row.id,
        status: row.status.into(),
        customer: row.customer.map(Into::into),
        lines: lines(row.lines, row.terms.as_ref(), row.currency),
        currency: row.currency.into(),
        total: row.total.into(),
        net: of_all.0,
        tax: of_all.1,
        taxes: row.terms.map(|terms| Taxation::of(terms, row.currency)),
        buyer: buyer.map(Into::into),
        erased: opening.erased,
        contact: contact.map(Into::into),
        ship_to: ship_to.map(Into::into),
        external_id: row.external_id.map(Into::into),
        metadata: row.metadata.into(),
        override_reason: override_reason.map(Into::into),
        tracking: tracking.into_iter().flatten().map(Into::into).collect(),
        cancel_reason: cancel_reason.map(Into::into),
        cancel_cause: row.cancel_cause.map(Into::into),
        pay_until: row.pay_until,
        placed_at: row.placed_at,
        updated_at: row.updated_at,
        version: row.version,
    })
}

/// Opens what is sealed of one order.
struct Opening<'a> {
    keys: &'a Keys,
    /// There was something that can't be opened any more.
    erased: bool,
}

impl Opening<'_> {
    fn open<T: DeserializeOwned>(&mut self, sealed: Option<&Sealed>) -> Result<Option<T>, VaultError> {
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.keys.open(sealed)?;
        self.erased |= opened.is_none();
        Ok(opened)
    }

    fn read<T: DeserializeOwned>(&mut self, note: Option<Note<T>>) -> Result<Option<T>, VaultError> {
        match note {
            None => Ok(None),
            Some(Note::Clear(text)) => Ok(Some(text)),
            Some(Note::Sealed(sealed)) => self.open(Some(&sealed)),
        }
    }
}

fn lines(lines: Vec<Line>, terms: Option<&Terms>, currency: money::Currency) -> Vec<OrderLine> {
    let mut of_lines = terms.into_iter().flat_map(|terms| &terms.lines);
    lines.into_iter().map(|line| OrderLine::of(line, of_lines.next(), currency)).collect()
}

impl OrderLine {
    fn of(line: Line, terms: Option<&LineTerms>, currency: money::Currency) -> Self {
        let (net, tax) = terms.map(|terms| taxed::of_line(terms, currency)).unzip();
        Self {
            sku: line.sku.into(),
            name: line.name.into(),
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            list_price: line.list_price.map(Into::into),
            total: line.total.into(),
            net,
            tax,
            shipped: line.shipped,
            cancelled: line.cancelled,
        }
    }
}
