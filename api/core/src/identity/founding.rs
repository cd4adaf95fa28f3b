//! Accounts that operators make at the machine itself: the first administrator, who gives others their roles.

use daybook_domain::{contact::Email, ids::AccountId, policy::Role};
use tokio::time::Instant;

use super::{
    accounts::Accounts, activity::ActivityEvent, asker::Asker, error::IdentityError, passwords::Password,
    registering::Beginning, shared::PersonName,
};
use crate::entropy::new_id;

/// What an account begins with whose address the operator vouches for.
#[derive(Debug)]
pub struct Founding {
    pub email: Email,
    pub name: Option<PersonName>,
    pub roles: Vec<Role>,
    /// `None`: its owner chooses one by a link.
    pub password: Option<Password>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Founded {
    /// Its id, and where its owner chooses a password.
    Made { account: String, link: Option<String> },
    /// There was one with this address and these roles.
    WasThere { account: String },
}

impl Accounts {
    /// Makes an account whose address counts as verified. Can be repeated: one that broke off leaves a claim of the address
    /// at most, which lapses.
    ///
    /// # Errors
    /// The address belongs to an account with other roles, or the password is weak.
    pub async fn found(&self, asker: &Asker, founding: Founding) -> Result<Founded, IdentityError> {
        let Founding { email, name, roles, password } = founding;
        let shared = &self.shared;
        shared.signing_key.as_ref().ok_or(IdentityError::Elsewhere)?;
        if let Some(account) = shared.addresses.owner(&email).await? {
            let loaded = shared.load(&account).await?;
            // A claim that was not confirmed, because its process died, lapses.
            if let Some(details) = loaded.account.details().filter(|details| details.verified.is_some()) {
                let has = |role: &Role| details.roles.iter().any(|known| known.as_str() == role.as_str());
                return if roles.iter().all(has) {
                    Ok(Founded::WasThere { account })
                } else {
                    Err(IdentityError::AddressTaken)
                };
            }
        }
        let hash = match &password {
            Some(password) => {
                self.registering.check_strength(password, &email, name.as_ref()).await?;
                shared.passwords.hash(password, Instant::from_std(asker.deadline)).await?
            }
            None => shared.passwords.nobodys().to_owned(),
        };
        let (id, secret) = (AccountId::new(new_id()), new_id());
        let account = id.to_string();
        shared.claim(asker, &email, &account).await?;
        let beginning = Beginning {
            id,
            secret,
            email: &email,
            name: name.as_ref(),
            hash: &hash,
            roles: &roles,
            is_verified: true,
        };
        self.registering.create(asker, beginning).await?;
        shared.addresses.confirm(&email, &account).await?;
        shared.note(asker, Some(&account), ActivityEvent::AddressVerified, None).await?;
        let link = match password {
            Some(_) => None,
            None => Some(shared.reset_link(new_id(), &account, asker.now).await?),
        };
        Ok(Founded::Made { account, link })
    }
}
