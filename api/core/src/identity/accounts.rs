//! What people do with their account, and what support and administrators do with the accounts of others.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use daybook_commands::{
    CommandError,
    accounts::{ChangePassword, DescribeAccount, EraseAccount, RequestAddress, SetRoles, VerifyAddress},
};
use daybook_domain::{
    account::{Details, Language, PasswordChange, RoleName, SessionsEnd},
    contact::Email,
    policy::{self, Action},
    sealed::Person,
    text::Reason,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    activity::{self, ActivityEvent, ActivityLine, Lines},
    asker::{Asker, system},
    error::IdentityError,
    links::Purpose,
    order_claims,
    passwords::Password,
    registering::Registering,
    sessions::Sessions,
    shared::{CredentialKind, Loaded, PersonName, Shared},
};
use crate::auth::revoked::Revoked;

pub struct Accounts {
    pub(super) shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    pub(super) registering: Arc<Registering>,
}

/// An account as it is shown.
#[derive(Debug)]
pub struct AccountView {
    pub id: String,
    pub email: Option<Email>,
    /// One that waits to be verified.
    pub pending_email: Option<Email>,
    pub name: Option<PersonName>,
    pub language: Option<Language>,
    pub news: bool,
    pub roles: Vec<RoleName>,
    pub has_second_factor: bool,
    pub registered_at: Option<DateTime<Utc>>,
    pub version: i64,
}

/// What changes of a profile: what is `None` stays, and `Some(None)` is taken away.
#[derive(Debug, Default)]
pub struct ProfileChange {
    pub name: Option<Option<PersonName>>,
    pub language: Option<Option<Language>>,
    pub news: Option<bool>,
}

impl Accounts {
    pub fn new(shared: Arc<Shared>, sessions: Arc<Sessions>, registering: Arc<Registering>) -> Self {
        Self { shared, sessions, registering }
    }

    pub async fn me(&self, asker: &Asker) -> Result<AccountView, IdentityError> {
        let loaded = self.shared.own(asker).await?;
        self.view(&loaded).await
    }

    /// An account by its id, for those who may read it.
    pub async fn get(&self, asker: &Asker, id: &str) -> Result<AccountView, IdentityError> {
        let actor = asker.actor.as_ref().ok_or(IdentityError::Unauthenticated)?;
        policy::authorize(actor, Action::ReadAccount, Some(id)).map_err(|_| IdentityError::NotFound)?;
        let loaded = self.shared.load(id).await?;
        self.view(&loaded).await
    }

    /// The account that this address belongs to. The caller may find accounts: the route has seen to it.
    pub async fn find(&self, email: &Email) -> Result<Option<AccountView>, IdentityError> {
        let Some(owner) = self.shared.addresses.owner(email).await? else { return Ok(None) };
        let loaded = self.shared.load(&owner).await?;
        if loaded.account.is_usable() { self.view(&loaded).await.map(Some) } else { Ok(None) }
    }

    async fn view(&self, loaded: &Loaded) -> Result<AccountView, IdentityError> {
        let details = loaded.details()?;
        let shared = &self.shared;
        let (email, name) = match shared.contact(details).await? {
            Some((email, name)) => (Some(email), name),
            None => (None, None),
        };
        let pending_email = match &details.pending {
            Some((_, sealed)) => shared.open(sealed).await?,
            None => None,
        };
        Ok(AccountView {
            id: loaded.id.clone(),
            email,
            pending_email,
            name,
            language: details.language.clone(),
            news: details.news,
            roles: details.roles.iter().cloned().collect(),
            has_second_factor: details.needs_second_factor(),
            registered_at: loaded.registered_at,
            version: loaded.version,
        })
    }

    /// The address that a link was sent to belongs to the link's account from now on, unless another one was faster.
    pub async fn verify(&self, asker: &Asker, token: &str) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let link =
            shared.links.open(token, Purpose::Address, asker.now).await?.ok_or(IdentityError::InvalidLink)?;
        let loaded = shared.load(&link.account).await?;
        let details = loaded.account.details().ok_or(IdentityError::InvalidLink)?;
        let address = of_address(details, &link.subject).ok_or(IdentityError::InvalidLink)?;
        let email: Email = shared.open(address.1).await?.ok_or(IdentityError::InvalidLink)?;
        shared.claim(asker, &email, &link.account).await?;
        let id = loaded.account_id()?;
        shared.ask_as(asker, system(), VerifyAddress { id, address: address.0 }).await?;
        shared.addresses.confirm(&email, &link.account).await?;
        shared.links.use_up(&link, asker.now).await?;
        shared.note(asker, Some(&link.account), ActivityEvent::AddressVerified, None).await
    }

    /// Another address, which counts when it is verified. Whether it belongs to someone already is not told.
    pub async fn change_address(&self, asker: &Asker, email: &Email) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        self.sessions.demand_confirmation(asker).await?;
        if !shared.budgets.may_write_to(shared.addresses.mark(email)) {
            return Ok(());
        }
        let sealed = shared.seal(&loaded.id, email).await?;
        let address = crate::entropy::new_id();
        shared.ask(asker, RequestAddress { id: loaded.account_id()?, address, email: sealed }).await?;
        shared.note(asker, Some(&loaded.id), ActivityEvent::AddressChangeRequested, None).await
    }

    /// Another password. All other sessions end.
    pub async fn change_password(
        &self,
        asker: &Asker,
        current: &Password,
        new: &Password,
    ) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        let details = loaded.details()?;
        let session = asker.log_in.and_then(|log_in| log_in.session);
        shared.budgets.second_factor(&loaded.id, session)?;
        let credentials = shared.credentials(&loaded.id).await?;
        let named = credentials.iter().find(|row| row.id == details.password);
        let stored = named.map(|row| String::from_utf8_lossy(&row.secret).into_owned());
        let deadline = Instant::from_std(asker.deadline);
        if !shared.passwords.check(current, stored, deadline).await?.fits {
            shared.note(asker, Some(&loaded.id), ActivityEvent::LogInFailed, session).await?;
            return Err(IdentityError::InvalidCredentials);
        }
        if let Some((email, name)) = shared.contact(details).await? {
            self.registering.check_strength(new, &email, name.as_ref()).await?;
        }
        let hash = shared.passwords.hash(new, deadline).await?;
        let password = crate::entropy::new_id();
        shared.keep(password, &loaded.id, CredentialKind::Password, hash.as_bytes()).await?;
        let id = loaded.account_id()?;
        shared.ask(asker, ChangePassword { id, password, why: PasswordChange::Changed }).await?;
        self.sessions.end_all(asker, &loaded.id, SessionsEnd::PasswordChanged, session).await?;
        shared.links.withdraw(&loaded.id, Purpose::Reset, asker.now).await?;
        shared.forget_others(&loaded.id, CredentialKind::Password, &[password]).await?;
        shared.note(asker, Some(&loaded.id), ActivityEvent::PasswordChanged, session).await
    }

    pub async fn describe(&self, asker: &Asker, change: ProfileChange) -> Result<AccountView, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        let details = loaded.details()?;
        let name = match change.name {
            None => details.name.clone(),
            Some(None) => None,
            Some(Some(name)) => Some(shared.seal(&loaded.id, &name).await?),
        };
        let language = change.language.unwrap_or_else(|| details.language.clone());
        let news = change.news.unwrap_or(details.news);
        shared.ask(asker, DescribeAccount { id: loaded.account_id()?, name, language, news }).await?;
        self.me(asker).await
    }

    /// Exactly these roles from now on, because of `reason`. Tokens that say otherwise end.
    pub async fn set_roles(
        &self,
        asker: &Asker,
        account: &str,
        roles: BTreeSet<RoleName>,
        reason: &Reason,
    ) -> Result<AccountView, IdentityError> {
        let shared = &self.shared;
        self.sessions.demand_confirmation(asker).await?;
        let loaded = shared.load(account).await?;
        loaded.details()?;
        if let Some(unknown) = roles.iter().find(|role| !shared.verifier.roles().has(role.as_str())) {
            return Err(IdentityError::Invalid("/roles", format!("there is no role {unknown}")));
        }
        let reason = shared.seal(account, reason).await?;
        shared.ask(asker, SetRoles { id: loaded.account_id()?, roles, reason }).await?;
        let subject = account.to_owned().try_into().map_err(|_| IdentityError::NotFound)?;
        shared.revocations.revoke(Revoked::Subject(subject)).await?;
        shared.note(asker, Some(account), ActivityEvent::RolesChanged, None).await?;
        self.view(&shared.load(account).await?).await
    }

    /// The caller's own activity. The newest first.
    pub async fn own_activity(&self, lines: &Lines) -> Result<Vec<ActivityLine>, IdentityError> {
        Ok(self.activity(lines).await?.into_iter().map(ActivityLine::shown_to_owner).collect())
    }

    /// That of any account, for those who may read it. The newest first.
    pub async fn activity(&self, lines: &Lines) -> Result<Vec<ActivityLine>, IdentityError> {
        Ok(activity::read(&self.shared.pool, lines).await?)
    }

    /// The person leaves: nothing that is sealed for them can be opened any more. That they have no open orders is for the
    /// caller of this to know.
    pub async fn leave(&self, asker: &Asker) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        self.sessions.demand_confirmation(asker).await?;
        let account = &loaded.id;
        self.sessions.end_all(asker, account, SessionsEnd::LoggedOut, None).await?;
        shared.ask(asker, EraseAccount { id: loaded.account_id()? }).await?;
        let subject = account.clone().try_into().map_err(|_| IdentityError::NotFound)?;
        shared.revocations.revoke(Revoked::Subject(subject)).await?;
        self.erase(account).await?;
        shared.note(asker, None, ActivityEvent::Left, None).await
    }

    /// Erases an account whose address was never verified, as this system. Whether it did. One that was verified since it
    /// was looked at, or erased by another process, stays as it is. That it has no orders is for the caller to know.
    pub async fn lapse(&self, asker: &Asker, account: &str) -> Result<bool, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.load(account).await?;
        let Some(details) = loaded.account.details() else { return Ok(false) };
        if details.verified.is_some() {
            return Ok(false);
        }
        // What is kept of it beside its stream goes by the effect that follows.
        match shared.ask_about(asker, &loaded, EraseAccount { id: loaded.account_id()? }).await {
            Ok(_) => Ok(true),
            Err(IdentityError::Command(CommandError::Refused(_))) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes away all that is kept of an account beside its stream, whose last event asks for it. Can be repeated.
    pub async fn erase(&self, account: &str) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let claimed: Vec<String> =
            sqlx::query_scalar("SELECT order_id FROM claimed_orders WHERE account = $1")
                .bind(account)
                .fetch_all(&shared.pool)
                .await?;
        for order in claimed.iter().filter_map(|order| order.parse().ok()) {
            let known = order_claims::find(shared, order).await?;
            if known.is_some_and(|known| known.is_of(account)) {
                shared.vault.erase(&Person::Order(order)).await?;
            }
        }
        shared.vault.erase(&Person::Customer(account)).await?;
        shared.addresses.release_all(account).await?;
        for statement in [
            "DELETE FROM credentials WHERE account = $1",
            "DELETE FROM links WHERE account = $1",
            "DELETE FROM outside_identities WHERE account = $1",
            "DELETE FROM outside_attempts WHERE account = $1",
            "UPDATE api_keys SET ended_at = clock_timestamp() WHERE account = $1 AND ended_at IS NULL",
            "DELETE FROM claimed_orders WHERE account = $1",
            "DELETE FROM activity WHERE account = $1",
        ] {
            sqlx::query(statement).bind(account).execute(&shared.pool).await?;
        }
        Ok(())
    }
}

/// The address of this id, verified or not.
fn of_address<'a>(details: &'a Details, id: &str) -> Option<(Uuid, &'a daybook_domain::sealed::Sealed)> {
    let known = [&details.pending, &details.verified];
    let found = known.into_iter().flatten().find(|(known, _)| known.to_string() == id);
    found.map(|(id, sealed)| (*id, sealed))
}
