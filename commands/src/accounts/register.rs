//! A person registers. Their account can be used when its address is verified, which is at once if an operator vouches
//! for it.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    account::{Command, RoleName},
    ids::AccountId,
    policy::Action,
    sealed::Sealed,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

/// Refused with `already_exists` if it was done before, so that who repeats it can take it for done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisterAccount {
    pub id: AccountId,
    pub address: Uuid,
    pub email: Sealed,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Sealed>,
    pub password: Uuid,
    pub roles: Vec<RoleName>,
    /// The address is verified in the same commit, so no letter asks its owner to do that.
    #[serde(default)]
    pub is_verified: bool,
}

impl AsAsked for RegisterAccount {}

impl UseCase for RegisterAccount {
    const NAME: &'static str = "account.register";
    const ACTION: Action = Action::RegisterAccount;
    const CREATES: bool = true;
    const REFUSALS: &'static [Code] = &[GeneralCode::AlreadyExists.code()];
    type Outcome = AccountOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, address, email, name, password, roles, is_verified } = self.clone();
        let registered =
            change(context, work, id, Command::Register { address, email, name, password, roles })?;
        if is_verified {
            change(context, work, id, Command::VerifyAddress { address })
        } else {
            Ok(registered)
        }
    }
}
