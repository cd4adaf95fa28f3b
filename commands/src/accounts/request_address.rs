//! Another e-mail address is to be verified, and then to be the account's.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    account::Command,
    ids::AccountId,
    policy::{Action, Actor, Demand},
    sealed::Sealed,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountOutcome, change, managed};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestAddress {
    pub id: AccountId,
    pub address: Uuid,
    pub email: Sealed,
}

impl AsAsked for RequestAddress {}

impl UseCase for RequestAddress {
    const NAME: &'static str = "account.request_address";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, address, email } = self.clone();
        change(context, work, id, Command::RequestAddress { address, email })
    }
}
