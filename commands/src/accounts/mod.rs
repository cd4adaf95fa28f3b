//! The use cases of an account. They are asked by what identifies people, which makes ids, hashes secrets into rows of
//! their own and seals what is personal before it asks: so each is its own request.

mod add_factor;
mod change_password;
mod describe;
mod end_sessions;
mod erase;
mod issue_key;
mod link_identity;
mod register;
mod register_known;
mod remove_factor;
mod request_address;
mod revoke_key;
mod set_roles;
mod unlink_identity;
mod verify_address;

use daybook_domain::{
    account::{Account, Command},
    ids::AccountId,
    policy::{Action, Demand},
};
use serde::{Deserialize, Serialize};

use crate::{
    Context,
    use_case::Outcome,
    work::{Halt, Work},
};

pub use add_factor::AddFactor;
pub use change_password::ChangePassword;
pub use describe::DescribeAccount;
pub use end_sessions::EndAccountSessions;
pub use erase::EraseAccount;
pub use issue_key::IssueKey;
pub use link_identity::LinkIdentity;
pub use register::RegisterAccount;
pub use register_known::RegisterKnown;
pub use remove_factor::RemoveFactor;
pub use request_address::RequestAddress;
pub use revoke_key::RevokeKey;
pub use set_roles::SetRoles;
pub use unlink_identity::UnlinkIdentity;
pub use verify_address::VerifyAddress;

/// The account after the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountOutcome {
    pub id: AccountId,
    pub version: i64,
}

impl Outcome for AccountOutcome {
    fn id(&self) -> String {
        self.id.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// An account is its owner's to manage.
fn managed(id: AccountId) -> Vec<Demand> {
    vec![Demand { action: Action::ManageAccount, owner: Some(id.to_string()) }]
}

fn change(
    context: &Context,
    work: &mut Work<'_>,
    id: AccountId,
    command: Command,
) -> Result<AccountOutcome, Halt> {
    let key = id.to_string();
    work.expect_version::<Account>(&key, context.if_match.as_deref())?;
    work.execute::<Account>(&key, command)?;
    Ok(AccountOutcome { id, version: work.version::<Account>(&key)? })
}
