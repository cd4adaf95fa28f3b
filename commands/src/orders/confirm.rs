//! Confirming an order turns its holds into allocations.

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
pub struct ConfirmOrder {
    pub id: OrderId,
}

impl AsAsked for ConfirmOrder {}

impl UseCase for ConfirmOrder {
    const NAME: &'static str = "order.confirm";
    const ACTION: Action = Action::ConfirmOrder;
    const NEEDS_KEY: bool = true;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), OrderCode::NotConfirmable.code()];
    type Outcome = OrderOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        change(context, work, self.id, Command::Confirm)
    }
}
