//! What happened to the stock of a SKU.

use daybook_domain::{policy::Action, sku::Sku, stock::Stock};

use super::{
    access::Access,
    error::ReadError,
    found::Found,
    history::{Change, History, Part},
    read::{Read, Scope},
    stock::StockBySku,
};

/// A page of what happened to the stock of a SKU.
#[derive(Debug)]
pub struct StockHistory {
    pub sku: Sku,
    pub part: Part,
}

impl Read for StockHistory {
    const NAME: &'static str = "stock.history";
    const ACCESS: Access = Access::rule(Action::ReadStock);
    type View = History;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<History>, ReadError> {
        // Who ordered is told only to those who may read orders.
        let sees_buyers = scope.may(Action::ReadOrder);
        let adapt = |change: &mut Change| {
            if !sees_buyers && change.details.get("order").is_some() {
                change.who = None;
            }
        };
        scope.history::<StockBySku, Stock>(self.sku.as_str(), &self.part, adapt).await
    }
}
