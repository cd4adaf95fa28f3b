//! What happened to an order.

use daybook_domain::{ids::OrderId, order::Order, policy::Action};

use super::{
    access::Access,
    error::ReadError,
    found::Found,
    history::{History, Part},
    order::OrderById,
    read::{Read, Scope},
};

/// A page of what happened to an order.
#[derive(Debug)]
pub struct OrderHistory {
    pub id: OrderId,
    pub part: Part,
}

impl Read for OrderHistory {
    const NAME: &'static str = "order.history";
    const ACCESS: Access = Access::rule(Action::ReadOrder);
    type View = History;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<History>, ReadError> {
        scope.history::<OrderById, Order>(&self.id.to_string(), &self.part, |_| {}).await
    }
}
