//! Claiming an e-mail address for an account, where another one may be in the way.

use daybook_domain::{account::Details, contact::Email};

use super::{addresses::Claim, asker::Asker, error::IdentityError, shared::Shared};

impl Shared {
    /// One of many that registered with an address claims it. A claim that was never confirmed, because its process died,
    /// is given up when it has lapsed and its account's stream doesn't say that the address is its own.
    pub async fn claim(&self, asker: &Asker, email: &Email, account: &str) -> Result<(), IdentityError> {
        match self.addresses.claim(email, account, asker.now).await? {
            Claim::Made => Ok(()),
            Claim::Of { is_confirmed: true, .. } | Claim::Of { has_lapsed: false, .. } => {
                Err(IdentityError::AddressTaken)
            }
            Claim::Of { account: other, .. } => {
                let loaded = self.load(&other).await?;
                if self.has_verified(loaded.account.details(), email).await? {
                    self.addresses.confirm(email, &other).await?;
                    return Err(IdentityError::AddressTaken);
                }
                self.addresses.release(email, &other).await?;
                match self.addresses.claim(email, account, asker.now).await? {
                    Claim::Made => Ok(()),
                    Claim::Of { .. } => Err(IdentityError::AddressTaken),
                }
            }
        }
    }

    /// Whether this is the account's verified address, as its stream says.
    pub async fn has_verified(
        &self,
        details: Option<&Details>,
        email: &Email,
    ) -> Result<bool, IdentityError> {
        let verified = details.and_then(|details| details.verified.as_ref());
        let theirs: Option<Email> = match verified {
            Some((_, sealed)) => self.open(sealed).await?,
            None => None,
        };
        Ok(theirs.is_some_and(|theirs| self.addresses.mark(&theirs) == self.addresses.mark(email)))
    }
}
