//! An account gets exactly these roles.

use std::collections::BTreeSet;

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    account::{Command, RoleName},
    ids::AccountId,
    policy::Action,
    sealed::Sealed,
};
use serde::{Deserialize, Serialize};

use super::{AccountOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetRoles {
    pub id: AccountId,
    pub roles: BTreeSet<RoleName>,
    pub reason: Sealed,
}

impl AsAsked for SetRoles {}

impl UseCase for SetRoles {
    const NAME: &'static str = "account.set_roles";
    const ACTION: Action = Action::GrantRoles;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code()];
    type Outcome = AccountOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, roles, reason } = self.clone();
        change(context, work, id, Command::SetRoles { roles, reason })
    }
}
