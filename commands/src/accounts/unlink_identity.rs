//! An account can't be logged in to as that person of another issuer any more.

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
pub struct UnlinkIdentity {
    pub id: AccountId,
    pub identity: Uuid,
    /// There is something else to log in with.
    pub may_be_last: bool,
}

impl AsAsked for UnlinkIdentity {}

impl UseCase for UnlinkIdentity {
    const NAME: &'static str = "account.unlink_identity";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), AccountCode::LastWayIn.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, identity, may_be_last } = self.clone();
        change(context, work, id, Command::UnlinkIdentity { identity, may_be_last })
    }
}
