//! A guest's order becomes an account's. Daybook itself asks for it, when someone has shown that the order is theirs.

use daybook_domain::{
    Code,
    account::Account,
    code::GeneralCode,
    feature::Feature,
    ids::{AccountId, OrderId},
    order::{Command, Rejection},
    policy::Action,
    text::CustomerId,
};
use serde::{Deserialize, Serialize};

use super::{OrderOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

/// Refused with `not_found` if another customer has the order, or if the person has left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClaimOrder {
    pub id: OrderId,
    pub account: AccountId,
}

impl AsAsked for ClaimOrder {}

impl UseCase for ClaimOrder {
    const NAME: &'static str = "order.claim";
    const ACTION: Action = Action::ClaimOrder;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = OrderOutcome;

    fn needs(&self) -> Option<(Feature, &'static str)> {
        Some((Feature::ClaimOrders, "/id"))
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<OrderOutcome, Halt> {
        let account = self.account.to_string();
        let is_usable = work.state::<Account>(&account)?.is_usable();
        // The account's stream is read, so one that ends meanwhile is decided about again.
        let customer = CustomerId::try_from(account).ok().filter(|_| is_usable);
        let customer = customer.ok_or_else(|| work.refused(&Rejection::NotFound))?;
        change(context, work, self.id, Command::Claim { customer })
    }
}
