//! Registration and forgotten passwords. Who asks for either learns nothing of whether there is such an account: the
//! answer is given after one durable row, which costs the same for every address, and the rest is done later.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use daybook_commands::{
    CommandError,
    accounts::{ChangePassword, RegisterAccount},
};
use daybook_domain::{
    account::{PasswordChange, RoleName, SessionsEnd},
    code::GeneralCode,
    contact::Email,
    ids::{AccountId, OrderId},
    policy::Role,
    reactions::EffectKind,
};
use daybook_projections::{ClaimedEffect, EffectError};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    activity::ActivityEvent,
    asker::{Asker, system},
    error::IdentityError,
    links::{Link, Purpose},
    passwords::{Password, Weak},
    sessions::Sessions,
    shared::{CredentialKind, PersonName, Shared, delta},
    verification::VerificationLinks,
};
use crate::entropy::{Clock, new_id};

pub struct Registering {
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    clock: Clock,
}

/// What waits to be registered. It is stored sealed only.
#[derive(Serialize, Deserialize)]
struct Registration {
    email: Email,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<PersonName>,
    /// The password's hash.
    hash: String,
    request_id: String,
}

/// Whose password was forgotten. It is stored sealed only.
#[derive(Serialize, Deserialize)]
struct Forgotten {
    email: Email,
    request_id: String,
}

/// What an account begins with.
pub struct Beginning<'a> {
    pub id: AccountId,
    /// The id of its password, and of its address.
    pub secret: Uuid,
    pub email: &'a Email,
    pub name: Option<&'a PersonName>,
    /// The password's.
    pub hash: &'a str,
    pub roles: &'a [Role],
    /// Whether someone vouches for the address, who has claimed it for this account before.
    pub is_verified: bool,
}

/// A letter that is to be sent because of what was asked.
#[derive(Debug)]
pub enum ToWrite {
    /// Someone registers with an address that belongs to an account.
    AlreadyThere { email: Email, name: Option<PersonName>, url: String },
    /// The owner of the address can choose a new password by this link.
    Reset { email: Email, name: Option<PersonName>, link: String },
    /// The guest who gave this address with an order can make it an account's own by this link.
    Claim { email: Email, name: Option<PersonName>, order: OrderId, link: String },
}

impl Registering {
    pub fn new(shared: Arc<Shared>, sessions: Arc<Sessions>, clock: Clock) -> Self {
        Self { shared, sessions, clock }
    }

    /// Durable when this returns, and nothing more.
    pub async fn register(
        &self,
        asker: &Asker,
        email: Email,
        name: Option<PersonName>,
        password: &Password,
    ) -> Result<(), IdentityError> {
        let shared = &self.shared;
        shared.signing_key.as_ref().ok_or(IdentityError::Elsewhere)?;
        shared.budgets.registration(asker.address)?;
        self.check_strength(password, &email, name.as_ref()).await?;
        let hash = shared.passwords.hash(password, Instant::from_std(asker.deadline)).await?;
        let registration = Registration { email, name, hash, request_id: asker.request_id.clone() };
        let (id, account) = (new_id(), AccountId::new(new_id()));
        self.shared.propose(id, EffectKind::AccountRegister, &account.to_string(), &registration).await
    }

    /// The same for someone who says that they forgot their password.
    pub async fn forgot(&self, asker: &Asker, email: Email) -> Result<(), IdentityError> {
        self.shared.signing_key.as_ref().ok_or(IdentityError::Elsewhere)?;
        self.shared.budgets.reset(asker.address)?;
        let forgotten = Forgotten { email, request_id: asker.request_id.clone() };
        // There is no account that it is about yet.
        let id = new_id();
        self.shared.propose(id, EffectKind::AccountReset, &id.to_string(), &forgotten).await
    }

    /// Refuses a password that others would guess.
    pub async fn check_strength(
        &self,
        password: &Password,
        email: &Email,
        name: Option<&PersonName>,
    ) -> Result<(), IdentityError> {
        let about = [Some(email.as_str()), name.map(PersonName::as_str)];
        let words = about.into_iter().flatten().flat_map(|text| text.split(['@', '.', ' ', '-', '+']));
        let about = words.filter(|word| word.len() > 2).map(str::to_owned).collect();
        let strength = self.shared.passwords.check_strength(password, about).await;
        strength.map_err(|Weak(why)| IdentityError::WeakPassword(why))
    }

    /// Registers what was asked for. Can be repeated, and comes to the same.
    pub async fn perform_registration(
        &self,
        effect: &ClaimedEffect,
    ) -> Result<Option<ToWrite>, IdentityError> {
        let shared = &self.shared;
        let registration: Registration = shared.proposed(effect)?;
        let asker = self.asker(registration.request_id);
        if let Some(owner) = shared.addresses.owner(&registration.email).await? {
            let loaded = shared.load(&owner).await?;
            if let Some(details) = loaded.account.details().filter(|_| loaded.account.is_usable()) {
                let may_write = shared.budgets.may_write_to(shared.addresses.mark(&registration.email));
                let contact = shared.contact(details).await?.filter(|_| may_write);
                let url = shared.url.clone();
                return Ok(contact.map(|(email, name)| ToWrite::AlreadyThere { email, name, url }));
            }
        }
        if !shared.budgets.may_write_to(shared.addresses.mark(&registration.email)) {
            return Ok(None);
        }
        let id: AccountId = effect.target.parse().map_err(|_| IdentityError::NotFound)?;
        let Registration { email, name, hash, .. } = registration;
        let beginning = Beginning {
            id,
            secret: effect.event_id,
            email: &email,
            name: name.as_ref(),
            hash: &hash,
            roles: &[Role::Customer],
            is_verified: false,
        };
        self.create(&asker, beginning).await?;
        Ok(None)
    }

    /// Makes an account. Can be repeated, and comes to the same.
    pub async fn create(&self, asker: &Asker, beginning: Beginning<'_>) -> Result<(), IdentityError> {
        let Beginning { id, secret, email, name, hash, roles, is_verified } = beginning;
        let shared = &self.shared;
        let account = id.to_string();
        shared.keep(secret, &account, CredentialKind::Password, hash.as_bytes()).await?;
        let name = match name {
            Some(name) => Some(shared.seal(&account, name).await?),
            None => None,
        };
        let email = shared.seal(&account, email).await?;
        let role = |role: &Role| RoleName::try_from(role.as_str().to_owned()).expect("a role has a name");
        let roles = roles.iter().map(role).collect();
        let request =
            RegisterAccount { id, address: secret, email, name, password: secret, roles, is_verified };
        match shared.ask_as(asker, system(), request).await {
            Err(IdentityError::Command(CommandError::Refused(refusal)))
                if refusal.code == GeneralCode::AlreadyExists.code() => {}
            Err(error) => return Err(error),
            Ok(_) => shared.note(asker, Some(&account), ActivityEvent::Registered, None).await?,
        }
        Ok(())
    }

    /// The link by which the owner of the address chooses a new password, if there is one.
    pub async fn perform_reset(&self, effect: &ClaimedEffect) -> Result<Option<ToWrite>, IdentityError> {
        let shared = &self.shared;
        let forgotten: Forgotten = shared.proposed(effect)?;
        let asker = self.asker(forgotten.request_id);
        let Some(owner) = shared.addresses.owner(&forgotten.email).await? else { return Ok(None) };
        let loaded = shared.load(&owner).await?;
        let Some(details) = loaded.account.details().filter(|_| loaded.account.is_usable()) else {
            return Ok(None);
        };
        if !shared.budgets.may_write_to(shared.addresses.mark(&forgotten.email)) {
            return Ok(None);
        }
        let Some((email, name)) = shared.contact(details).await? else { return Ok(None) };
        let link = shared.reset_link(effect.event_id, &owner, asker.now).await?;
        shared.note(&asker, Some(&owner), ActivityEvent::ResetRequested, None).await?;
        Ok(Some(ToWrite::Reset { email, name, link }))
    }

    /// A new password by a link. All sessions end.
    pub async fn reset(&self, asker: &Asker, token: &str, password: &Password) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let link =
            shared.links.open(token, Purpose::Reset, asker.now).await?.ok_or(IdentityError::InvalidLink)?;
        let loaded = shared.load(&link.account).await?;
        let details = loaded.account.details().ok_or(IdentityError::InvalidLink)?;
        let (email, name) = shared.contact(details).await?.ok_or(IdentityError::InvalidLink)?;
        self.check_strength(password, &email, name.as_ref()).await?;
        let hash = shared.passwords.hash(password, Instant::from_std(asker.deadline)).await?;
        // The link's own id is that of the password, so a repeat after a crash goes on where it broke off.
        shared.keep(link.id, &link.account, CredentialKind::Password, hash.as_bytes()).await?;
        let id = loaded.account_id()?;
        let request = ChangePassword { id, password: link.id, why: PasswordChange::Reset };
        shared.ask_as(asker, system(), request).await?;
        self.sessions.end_all(asker, &link.account, SessionsEnd::PasswordReset, None).await?;
        if !shared.links.use_up(&link, asker.now).await? {
            return Err(IdentityError::InvalidLink);
        }
        shared.links.withdraw(&link.account, Purpose::Reset, asker.now).await?;
        shared.forget_others(&link.account, CredentialKind::Password, &[link.id]).await?;
        shared.note(asker, Some(&link.account), ActivityEvent::PasswordReset, None).await
    }

    /// Who asked, when it is done later.
    fn asker(&self, request_id: String) -> Asker {
        Asker::later(request_id, self.clock.now())
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

#[async_trait]
impl VerificationLinks for Registering {
    async fn verification(&self, account: AccountId, address: Uuid) -> Result<Option<String>, EffectError> {
        let shared = &self.shared;
        let loaded = shared.load(&account.to_string()).await;
        let loaded =
            loaded.map_err(|error| EffectError::Retry(format!("the account can't be read: {error}")))?;
        let pending = loaded.account.details().and_then(|details| details.pending.as_ref());
        if pending.is_none_or(|(id, _)| *id != address) {
            return Ok(None);
        }
        let link = Link { id: address, account: account.to_string(), subject: address.to_string() };
        let lifetime = delta(shared.settings.address_link_lifetime.get());
        let token = shared.links.make(&link, Purpose::Address, self.now(), lifetime).await;
        let token = token.map_err(|error| EffectError::Retry(format!("a link can't be made: {error}")))?;
        Ok(Some(format!("{}/account/verification#token={token}", shared.url)))
    }
}
