//! What happened to an order.

use daybook_domain::{ids::OrderId, order::Order, policy::Action};

use super::{
    access::{Access, Visible},
    error::ReadError,
    found::Found,
    history::{Change, History, Part},
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
    const ACCESS: Access = Access::rule(Action::ReadOrder).with_part(Action::ReadOrderToShip);
    type View = History;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<History>, ReadError> {
        let visible = scope.visible();
        let adapt = |change: &mut Change| {
            if let Visible::Own(subject) = visible {
                change.keep_to_customer(subject);
            }
        };
        scope.history::<OrderById, Order>(&self.id.to_string(), &self.part, adapt).await
    }
}
