//! One product.

use chrono::{DateTime, Utc};
use daybook_domain::{policy::Action, product::Status, sku};
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
use crate::values::{Description, ExternalId, Metadata, Price, ProductName, ProductStatus, TaxClass};

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
    /// The price in the currency that it was created with.
    pub price: Price,
    /// The prices in every currency that it has a price in.
    #[schema(max_items = 50)]
    pub prices: Vec<Price>,
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
