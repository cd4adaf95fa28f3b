//! An order as it is shown, its personal data opened.

use chrono::{DateTime, Utc};
use daybook_domain::{
    contact::{Address, Contact},
    money::{Currency, Money},
    order::Status,
    sealed::Sealed,
    text::{CustomerId, ExternalId, Metadata, Reason, Reference},
};
use daybook_projections::read_models::orders::{Line, Row};
use serde::{Serialize, de::DeserializeOwned};
use utoipa::ToSchema;

use crate::{
    http::schema,
    vault::{Vault, VaultError},
};

#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub struct View<'a> {
    #[schema(value_type = schema::OrderId)]
    id: &'a str,
    #[schema(value_type = schema::OrderStatus)]
    status: Status,
    #[schema(value_type = Option<schema::CustomerId>)]
    customer: Option<&'a CustomerId>,
    #[schema(value_type = Vec<OrderLine>)]
    lines: &'a [Line],
    #[schema(value_type = schema::Currency)]
    currency: Currency,
    #[schema(value_type = schema::Money)]
    total: Money,
    #[schema(value_type = Option<schema::Contact>)]
    contact: Option<Contact>,
    #[schema(value_type = Option<schema::Address>)]
    ship_to: Option<Address>,
    /// There was a contact or an address, and it is erased.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
    #[schema(value_type = Option<schema::ExternalId>)]
    external_id: Option<&'a ExternalId>,
    #[schema(value_type = schema::Metadata)]
    metadata: &'a Metadata,
    #[schema(value_type = Option<schema::Reason>)]
    override_reason: Option<&'a Reason>,
    #[schema(value_type = Vec<schema::Reference>)]
    tracking: &'a [Reference],
    #[schema(value_type = Option<schema::Reason>)]
    cancel_reason: Option<&'a Reason>,
    placed_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

#[derive(ToSchema)]
pub struct OrderLine {
    #[schema(value_type = schema::Sku)]
    pub sku: (),
    #[schema(value_type = schema::ProductName)]
    pub name: (),
    #[schema(value_type = schema::Quantity)]
    pub quantity: (),
    #[schema(value_type = schema::Price)]
    pub unit_price: (),
    /// The catalogue's price, where another one was agreed.
    #[schema(value_type = Option<schema::Price>)]
    pub list_price: (),
    #[schema(value_type = schema::Money)]
    pub total: (),
    /// Pieces that have left the house.
    pub shipped: i64,
}

/// A page of orders.
#[derive(Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub struct PageView<'a> {
    #[schema(value_type = Vec<View>)]
    pub data: Vec<View<'a>>,
    pub has_more: bool,
    /// To be sent as `after`.
    pub next: Option<String>,
}

impl<'a> View<'a> {
    pub async fn of(row: &'a Row, vault: &Vault) -> Result<Self, VaultError> {
        let mut views = Self::of_many(std::slice::from_ref(row), vault).await?;
        Ok(views.pop().expect("a view for each row"))
    }

    /// Opens the data of all of them together.
    pub async fn of_many(rows: &'a [Row], vault: &Vault) -> Result<Vec<Self>, VaultError> {
        let contacts = open(vault, rows.iter().map(|row| row.contact.as_ref())).await?;
        let addresses = open(vault, rows.iter().map(|row| row.ship_to.as_ref())).await?;
        let opened = contacts.into_iter().zip(addresses);
        Ok(rows
            .iter()
            .zip(opened)
            .map(|(row, (contact, ship_to))| Self::new(row, contact, ship_to))
            .collect())
    }

    fn new(row: &'a Row, contact: Option<Contact>, ship_to: Option<Address>) -> Self {
        Self {
            id: &row.id,
            status: row.status,
            customer: row.customer.as_ref(),
            lines: &row.lines,
            currency: row.currency,
            total: row.total,
            erased: row.contact.is_some() && contact.is_none() || row.ship_to.is_some() && ship_to.is_none(),
            contact,
            ship_to,
            external_id: row.external_id.as_ref(),
            metadata: &row.metadata,
            override_reason: row.override_reason.as_ref(),
            tracking: &row.tracking,
            cancel_reason: row.cancel_reason.as_ref(),
            placed_at: row.placed_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

/// An answer for each question; `None` where there was nothing, or it is erased.
async fn open<'a, T: DeserializeOwned>(
    vault: &Vault,
    sealed: impl Iterator<Item = Option<&'a Sealed>> + Clone,
) -> Result<Vec<Option<T>>, VaultError> {
    let there: Vec<&Sealed> = sealed.clone().flatten().collect();
    let mut opened = vault.open_many(&there).await?.into_iter();
    Ok(sealed.map(|sealed| sealed.and_then(|_| opened.next().flatten())).collect())
}
