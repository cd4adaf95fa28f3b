//! An order has arrived.

use daybook_domain::{Code, code::GeneralCode, order::OrderCode};
use daybook_domain::{ids::OrderId, order::Command, policy::Action};
use serde::{Deserialize, Serialize};

use super::{OrderOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverOrder {
    pub id: OrderId,
}

impl AsAsked for DeliverOrder {}

impl UseCase for DeliverOrder {
    const NAME: &'static str = "order.deliver";
    const ACTION: Action = Action::DeliverOrder;
    const NEEDS_KEY: bool = true;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), OrderCode::NotDeliverable.code()];
    type Outcome = OrderOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        change(context, work, self.id, Command::MarkDelivered)
    }
}
