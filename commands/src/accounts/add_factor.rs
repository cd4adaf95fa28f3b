//! An account gets a second factor, whose secret is in a row already.

use daybook_domain::{Code, account::AccountCode, code::GeneralCode};
use daybook_domain::{
    account::{Command, FactorKind},
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
pub struct AddFactor {
    pub id: AccountId,
    pub factor: Uuid,
    pub kind: FactorKind,
}

impl AsAsked for AddFactor {}

impl UseCase for AddFactor {
    const NAME: &'static str = "account.add_factor";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] =
        &[GeneralCode::NotFound.code(), AccountCode::FactorExists.code(), AccountCode::TooManyFactors.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, factor, kind } = self.clone();
        change(context, work, id, Command::AddFactor { factor, kind })
    }
}
