//! An account can be logged in to as someone whom another issuer knows; a row says already whom.

use daybook_domain::{Code, account::AccountCode, code::GeneralCode};
use daybook_domain::{
    account::{Command, ProviderName},
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
pub struct LinkIdentity {
    pub id: AccountId,
    pub identity: Uuid,
    pub provider: ProviderName,
}

impl AsAsked for LinkIdentity {}

impl UseCase for LinkIdentity {
    const NAME: &'static str = "account.link_identity";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), AccountCode::TooManyIdentities.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, identity, provider } = self.clone();
        change(context, work, id, Command::LinkIdentity { identity, provider })
    }
}
