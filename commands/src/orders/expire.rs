//! An order that was to be paid by a time, and wasn't, gives back what it holds.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{ids::OrderId, order::Command, policy::Action};
use serde::{Deserialize, Serialize};

use super::{OrderOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

/// Looks whether the time of an order is over. Whatever the clock said before, its hold lives until this has cancelled it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExpireOrder {
    pub id: OrderId,
}

impl AsAsked for ExpireOrder {}

impl UseCase for ExpireOrder {
    const NAME: &'static str = "order.expire";
    const ACTION: Action = Action::CancelOrder;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = OrderOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        context.check(Self::ACTION, None)?;
        change(context, work, self.id, Command::Expire { now: context.now })
    }
}
