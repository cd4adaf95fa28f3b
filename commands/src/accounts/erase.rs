//! A person leaves, and nothing happens to their account any more.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    account::Command,
    ids::AccountId,
    policy::{Action, Actor, Demand},
};
use serde::{Deserialize, Serialize};

use super::{AccountOutcome, change, managed};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EraseAccount {
    pub id: AccountId,
}

impl AsAsked for EraseAccount {}

impl UseCase for EraseAccount {
    const NAME: &'static str = "account.erase";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        change(context, work, self.id, Command::Erase)
    }
}
