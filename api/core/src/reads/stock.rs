//! The stock of a SKU.

use daybook_domain::{policy::Action, sku};
use daybook_projections::{
    Moment,
    read_models::stock::{Row, StockLevels},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    access::{Access, Owner},
    error::ReadError,
    found::Found,
    read::{Item, Making, Read, Scope},
};

/// How much there is of a SKU, or was.
#[derive(Debug)]
pub struct StockBySku {
    pub sku: sku::Sku,
    pub as_of: Option<Moment>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Stock {
    #[schema(value_type = crate::values::Sku)]
    pub sku: String,
    #[schema(minimum = 0)]
    pub on_hand: i64,
    /// Promised to orders that are placed.
    #[schema(minimum = 0)]
    pub held: i64,
    /// Promised to orders that are confirmed.
    #[schema(minimum = 0)]
    pub allocated: i64,
    /// What can still be promised.
    #[schema(minimum = 0)]
    pub available: i64,
    #[schema(minimum = 1)]
    pub version: i64,
}

impl Read for StockBySku {
    const NAME: &'static str = "stock.by_sku";
    const ACCESS: Access = Access::rule(Action::ReadStock);
    type View = Stock;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<Stock>, ReadError> {
        scope.item::<Self>(self.sku.to_string(), self.as_of).await
    }
}

impl Item for StockBySku {
    type Model = StockLevels;

    fn owner(_: &Row) -> Owner {
        Owner::Shop
    }

    fn version(row: &Row) -> i64 {
        row.version
    }

    async fn views(rows: Vec<Row>, _: Making<'_>) -> Result<Vec<Stock>, ReadError> {
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl From<Row> for Stock {
    fn from(row: Row) -> Self {
        Self {
            sku: row.sku,
            on_hand: row.stock.on_hand,
            held: row.stock.held,
            allocated: row.stock.allocated,
            available: row.stock.available(),
            version: row.version,
        }
    }
}
