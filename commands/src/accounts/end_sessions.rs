//! All sessions of an account end.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    account::{Command, SessionsEnd},
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
pub struct EndAccountSessions {
    pub id: AccountId,
    pub why: SessionsEnd,
}

impl AsAsked for EndAccountSessions {}

impl UseCase for EndAccountSessions {
    const NAME: &'static str = "account.end_sessions";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, why } = self.clone();
        change(context, work, id, Command::EndSessions { why })
    }
}
