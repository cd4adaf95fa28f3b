//! A product as it is shown.

use chrono::{DateTime, Utc};
use daybook_domain::{
    money::Price,
    product::Status,
    text::{Description, ExternalId, Metadata, ProductName},
};
use daybook_projections::read_models::products::Row;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::schema;

#[derive(Serialize, ToSchema)]
#[schema(as = Product)]
pub struct View<'a> {
    #[schema(value_type = schema::Sku)]
    sku: &'a str,
    #[schema(value_type = schema::ProductName)]
    name: &'a ProductName,
    #[schema(value_type = schema::Description)]
    description: &'a Description,
    /// In the currency that it was created with.
    #[schema(value_type = schema::Price)]
    price: Price,
    /// In every currency that it has a price in.
    #[schema(value_type = Vec<schema::Price>)]
    prices: Vec<Price>,
    #[schema(value_type = ProductStatus)]
    status: Status,
    #[schema(value_type = Option<schema::ExternalId>)]
    external_id: Option<&'a ExternalId>,
    #[schema(value_type = schema::Metadata)]
    metadata: &'a Metadata,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ProductStatus {
    Draft,
    Published,
    Archived,
}

/// A page of the catalogue.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductPage)]
pub struct PageView<'a> {
    #[schema(value_type = Vec<View>)]
    pub data: Vec<View<'a>>,
    pub has_more: bool,
    /// To be sent as `after`.
    pub next: Option<String>,
}

impl<'a> View<'a> {
    pub fn of(row: &'a Row) -> Self {
        Self {
            sku: &row.sku,
            name: &row.name,
            description: &row.description,
            price: row.price,
            prices: row.prices.values().copied().collect(),
            status: row.status,
            external_id: row.external_id.as_ref(),
            metadata: &row.metadata,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        }
    }
}
