//! An account gets another password, whose hash is in a row already.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    account::{Command, PasswordChange},
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
pub struct ChangePassword {
    pub id: AccountId,
    pub password: Uuid,
    pub why: PasswordChange,
}

impl AsAsked for ChangePassword {}

impl UseCase for ChangePassword {
    const NAME: &'static str = "account.change_password";
    const ACTION: Action = Action::ManageAccount;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = AccountOutcome;

    fn demands(&self, _: &Actor) -> Vec<Demand> {
        managed(self.id)
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, password, why } = self.clone();
        change(context, work, id, Command::ChangePassword { password, why })
    }
}
