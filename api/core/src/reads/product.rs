//! One product.

use chrono::{DateTime, Utc};
use daybook_domain::{
    policy::Action,
    product::{self, Status},
    sku,
};
use daybook_projections::{
    Moment,
    read_models::products::{Products, Row},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    access::{Access, Owner},
    error::ReadError,
    found::Found,
    read::{Item, Making, Read, Scope},
};
use crate::values::{
    Description, ExternalId, Metadata, Price, PriceChangeId, ProductName, ProductStatus, TaxClass,
};

/// One product, today or as it was.
#[derive(Debug)]
pub struct ProductBySku {
    pub sku: sku::Sku,
    pub as_of: Option<Moment>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Product {
    #[schema(value_type = crate::values::Sku)]
    pub sku: String,
    pub name: ProductName,
    pub description: Description,
    /// The price that is set in the currency that it was created with. A price change that holds takes its place.
    pub price: Price,
    /// The prices that are set, one in each currency. A price change that holds takes the place of that in its currency.
    #[schema(max_items = 50)]
    pub prices: Vec<Price>,
    /// The prices that were scheduled and not cancelled, in the order in which they begin. Those that had ended before the
    /// product changed last are left out.
    #[schema(max_items = 20)]
    pub price_changes: Vec<PriceChange>,
    pub status: ProductStatus,
    /// What it is for taxes, `standard` if that was not said.
    pub tax_class: TaxClass,
    #[schema(required)]
    pub external_id: Option<ExternalId>,
    pub metadata: Metadata,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[schema(minimum = 1)]
    pub version: i64,
}

/// A price that holds for a time, instead of the one that is set in its currency. No two hold at once in one currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct PriceChange {
    pub id: PriceChangeId,
    pub price: Price,
    /// It holds from then on.
    pub from: DateTime<Utc>,
    /// It doesn't hold any more then; without an end, it holds until it is cancelled.
    #[schema(required)]
    pub until: Option<DateTime<Utc>>,
}

impl Read for ProductBySku {
    const NAME: &'static str = "product.by_sku";
    const ACCESS: Access = Access::Public(Action::ReadUnpublishedProduct);
    type View = Product;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<Product>, ReadError> {
        scope.item::<Self>(self.sku.to_string(), self.as_of).await
    }
}

impl Item for ProductBySku {
    type Model = Products;
    /// A product that was withdrawn is not public any more, however public it was.
    const RIGHT_CHANGES: bool = true;

    fn owner(row: &Row) -> Owner {
        if row.status == Status::Published { Owner::Everyone } else { Owner::Shop }
    }

    fn version(row: &Row) -> i64 {
        row.version
    }

    async fn views(rows: Vec<Row>, _: Making<'_>) -> Result<Vec<Product>, ReadError> {
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl From<Row> for Product {
    fn from(row: Row) -> Self {
        Self {
            sku: row.sku,
            name: row.name.into(),
            description: row.description.into(),
            price: row.price.into(),
            prices: row.prices.into_values().map(Into::into).collect(),
            price_changes: row.price_changes.iter().cloned().map(Into::into).collect(),
            status: row.status.into(),
            tax_class: row.tax_class.into(),
            external_id: row.external_id.map(Into::into),
            metadata: row.metadata.into(),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}

impl From<product::PriceChange> for PriceChange {
    fn from(change: product::PriceChange) -> Self {
        let product::PriceChange { id, price, from, until } = change;
        Self { id: id.into(), price: price.into(), from, until }
    }
}
