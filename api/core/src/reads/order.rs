//! One order, its personal data opened.

use chrono::{DateTime, Utc};
use daybook_domain::{contact, ids, policy::Action, sealed::Sealed};
use daybook_projections::{
    Moment,
    read_models::orders::{Line, Orders, Row},
};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use super::{
    access::{Access, Owner},
    error::ReadError,
    found::Found,
    read::{Item, Read, Scope},
};
use crate::{
    values::{
        Address, Contact, Currency, CustomerId, ExternalId, Metadata, Money, OrderStatus, Price, ProductName,
        Reason, Reference, Sku,
    },
    vault::{Vault, VaultError},
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
    pub customer: Option<CustomerId>,
    pub lines: Vec<OrderLine>,
    pub currency: Currency,
    pub total: Money,
    pub contact: Option<Contact>,
    pub ship_to: Option<Address>,
    /// There was a contact or an address, and it is erased.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    pub external_id: Option<ExternalId>,
    pub metadata: Metadata,
    pub override_reason: Option<Reason>,
    pub tracking: Vec<Reference>,
    pub cancel_reason: Option<Reason>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
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
    pub list_price: Option<Price>,
    pub total: Money,
    /// Pieces that have been shipped.
    pub shipped: i64,
}

impl Read for OrderById {
    const NAME: &'static str = "order.by_id";
    const ACCESS: Access = Access::rule(Action::ReadOrder);
    type View = Order;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<Order>, ReadError> {
        scope.item::<Self>(self.id.to_string(), self.as_of).await
    }
}

impl Item for OrderById {
    type Model = Orders;

    /// A guest's order has no customer: it is the shop's alone.
    fn owner(row: &Row) -> Owner {
        row.customer.as_ref().map_or(Owner::Shop, |customer| Owner::Customer(customer.to_string()))
    }

    fn version(row: &Row) -> i64 {
        row.version
    }

    async fn views(rows: Vec<Row>, vault: &Vault) -> Result<Vec<Order>, ReadError> {
        let contacts = open(vault, rows.iter().map(|row| row.contact.as_ref())).await?;
        let addresses = open(vault, rows.iter().map(|row| row.ship_to.as_ref())).await?;
        let opened = contacts.into_iter().zip(addresses);
        Ok(rows
            .into_iter()
            .zip(opened)
            .map(|(row, (contact, ship_to))| view(row, contact, ship_to))
            .collect())
    }
}

/// An answer for each question; `None` where there was nothing, or it is erased. All are opened together.
async fn open<'a, T: DeserializeOwned>(
    vault: &Vault,
    sealed: impl Iterator<Item = Option<&'a Sealed>> + Clone,
) -> Result<Vec<Option<T>>, VaultError> {
    let there: Vec<&Sealed> = sealed.clone().flatten().collect();
    let mut opened = vault.open_many(&there).await?.into_iter();
    Ok(sealed.map(|sealed| sealed.and_then(|_| opened.next().flatten())).collect())
}

fn view(row: Row, contact: Option<contact::Contact>, ship_to: Option<contact::Address>) -> Order {
    Order {
        id: row.id,
        status: row.status.into(),
        customer: row.customer.map(Into::into),
        lines: row.lines.into_iter().map(Into::into).collect(),
        currency: row.currency.into(),
        total: row.total.into(),
        erased: row.contact.is_some() && contact.is_none() || row.ship_to.is_some() && ship_to.is_none(),
        contact: contact.map(Into::into),
        ship_to: ship_to.map(Into::into),
        external_id: row.external_id.map(Into::into),
        metadata: row.metadata.into(),
        override_reason: row.override_reason.map(Into::into),
        tracking: row.tracking.into_iter().map(Into::into).collect(),
        cancel_reason: row.cancel_reason.map(Into::into),
        placed_at: row.placed_at,
        updated_at: row.updated_at,
        version: row.version,
    }
}

impl From<Line> for OrderLine {
    fn from(line: Line) -> Self {
        Self {
            sku: line.sku.into(),
            name: line.name.into(),
            quantity: line.quantity,
            unit_price: line.unit_price.into(),
            list_price: line.list_price.map(Into::into),
            total: line.total.into(),
            shipped: line.shipped,
        }
    }
}
