//! What the shop does with the sessions of others: it looks at them, and ends them.

use daybook_domain::{account::SessionsEnd, policy, text::Reason};

use super::{
    activity::{self, ActivityEvent, Happened},
    asker::Asker,
    error::IdentityError,
    session_list::SessionView,
    sessions::Sessions,
};
use crate::auth::roles::Named;

impl Sessions {
    /// Those of this account that have not ended, the newest first.
    pub async fn list_others(&self, asker: &Asker, account: &str) -> Result<Vec<SessionView>, IdentityError> {
        self.check_others(asker, account).await?;
        self.of(asker, account).await
    }

    /// Ends all sessions of this account because of `reason`. Its owner is told that it was done.
    pub async fn end_others(
        &self,
        asker: &Asker,
        account: &str,
        reason: &Reason,
    ) -> Result<(), IdentityError> {
        self.check_others(asker, account).await?;
        self.end_beside(asker, account, SessionsEnd::ByStaff, None).await?;
        let happened =
            Happened { reason: Some(reason), ..Happened::new(Some(account), ActivityEvent::SessionsEnded) };
        Ok(activity::note(&self.shared.pool, asker, &happened).await?)
    }

    /// What it needs depends on what the owner of the account may do.
    async fn check_others(&self, asker: &Asker, account: &str) -> Result<(), IdentityError> {
        let actor = asker.actor.as_ref().ok_or(IdentityError::Unauthenticated)?;
        let loaded = self.shared.load(account).await?;
        let named = Named::of(loaded.details()?.roles.iter().map(|role| role.as_str()));
        let (owner, _) = self.shared.verifier.roles().resolve(&named);
        let action = policy::to_end_sessions_of(owner);
        policy::authorize(actor, action, None).map_err(|_| IdentityError::Forbidden(action))
    }
}
