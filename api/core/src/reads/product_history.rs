//! What happened to a product.

use daybook_domain::{policy::Action, product::Product, sku::Sku};

use super::{
    access::Access,
    error::ReadError,
    found::Found,
    history::{History, Part},
    product::ProductBySku,
    read::{Read, Scope},
};

/// A page of what happened to a product, the times before its publication among them.
#[derive(Debug)]
pub struct ProductHistory {
    pub sku: Sku,
    pub part: Part,
}

impl Read for ProductHistory {
    const NAME: &'static str = "product.history";
    const ACCESS: Access = Access::rule(Action::ReadUnpublishedProduct);
    type View = History;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<History>, ReadError> {
        scope.history::<ProductBySku, Product>(self.sku.as_str(), &self.part, |_| {}).await
    }
}
