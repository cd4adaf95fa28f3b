//! A person registers whom another issuer knows, and whose address that issuer has verified.

use daybook_domain::{
    Code,
    account::{Command, ProviderName, RoleName},
    code::GeneralCode,
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

/// All of it happens at once, so no account is left without a way in. Refused with `already_exists` if it was done before, so
/// that who repeats it can take it for done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RegisterKnown {
    pub id: AccountId,
    pub address: Uuid,
    pub email: Sealed,
    /// There is no row with this id: the account has no password.
    pub password: Uuid,
    pub roles: Vec<RoleName>,
    pub identity: Uuid,
    pub provider: ProviderName,
}

impl AsAsked for RegisterKnown {}

impl UseCase for RegisterKnown {
    const NAME: &'static str = "account.register_known";
    const ACTION: Action = Action::RegisterAccount;
    const CREATES: bool = true;
    const REFUSALS: &'static [Code] = &[GeneralCode::AlreadyExists.code()];
    type Outcome = AccountOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<AccountOutcome, Halt> {
        let Self { id, address, email, password, roles, identity, provider } = self.clone();
        change(context, work, id, Command::Register { address, email, name: None, password, roles })?;
        // What is linked before the address counts is no news to write to that address about.
        change(context, work, id, Command::LinkIdentity { identity, provider })?;
        change(context, work, id, Command::VerifyAddress { address })
    }
}
