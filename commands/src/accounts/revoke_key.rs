//! A key for programs can't be used any more.

use daybook_domain::{Code, code::GeneralCode};
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
pub struct RevokeKey {
    pub id: AccountId,
    pub key: Uuid,
}

impl AsAsked for RevokeKey {}

impl UseCase for RevokeKey {
    const NAME: &'static str = "account.revoke_key";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, key } = self.clone();
        change(context, work, id, Command::RevokeKey { key })
    }
}
