//! A guest's order becomes its customer's. Daybook itself asks for it, when someone has shown that the order is theirs.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{ids::OrderId, order::Command, policy::Action, text::CustomerId};
use serde::{Deserialize, Serialize};

use super::{OrderOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

/// Refused with `not_found` if another customer has the order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimOrder {
    pub id: OrderId,
    pub customer: CustomerId,
}

impl AsAsked for ClaimOrder {}

impl UseCase for ClaimOrder {
    const NAME: &'static str = "order.claim";
    const ACTION: Action = Action::ClaimOrder;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = OrderOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        change(context, work, self.id, Command::Claim { customer: self.customer.clone() })
    }
}
