//! Someone has shown that they get the mails of an address.

use daybook_domain::{Code, account::AccountCode, code::GeneralCode};
use daybook_domain::{
    account::Command,
    ids::AccountId,
    policy::{Action, Actor, Demand},
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
pub struct VerifyAddress {
    pub id: AccountId,
    pub address: Uuid,
}

impl AsAsked for VerifyAddress {}

impl UseCase for VerifyAddress {
    const NAME: &'static str = "account.verify_address";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), AccountCode::AddressNotPending.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, address } = self.clone();
        change(context, work, id, Command::VerifyAddress { address })
    }
}
