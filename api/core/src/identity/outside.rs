//! People who log in at other issuers, which the settings name.
//!
//! Who comes back from one is (a) the owner of the account that is linked with them there. If none is, and the issuer has
//! verified their address, it is (b) the owner of the account that has verified the same address, which is linked then and
//! its owner told by mail, or (c) someone new, whose account begins with that address, verified, and without a password. An
//! address that either side has not verified links nothing: (d) such a person logs in with their password, and links from
//! there.
//!
//! The issuer takes the place of the password, and of nothing else: an account that has a second factor asks for it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use daybook_commands::{
    CommandError,
    accounts::{LinkIdentity, RegisterKnown, UnlinkIdentity},
};
use daybook_domain::{
    account::{Account, ProviderName, RoleName},
    code::GeneralCode,
    contact::Email,
    ids::AccountId,
    policy::{Actor, Role},
};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    activity::ActivityEvent,
    asker::{Asker, system},
    attempts::{Attempts, Begun, Departure, LIFETIME, Place, Wish},
    error::IdentityError,
    parties::{Parties, failed, verified_address},
    sessions::{Sessions, Tokens},
    shared::Shared,
    subjects::{Row, Subject, Subjects},
};
use crate::{
    auth::relying_party::{Callback, Identity, LoginError},
    entropy::new_id,
};

/// Someone else who registers with the same address at the same moment is waited for, so long and so often.
const PAUSE: Duration = Duration::from_millis(50);
const TRIES: u32 = 40;

pub struct Outside {
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    attempts: Attempts,
    subjects: Arc<Subjects>,
    parties: Parties,
}

/// Who has come back, with what they took along.
#[derive(Debug)]
pub struct Arrival<'a> {
    pub place: Place,
    /// The issuer whose own address they have come back to, if it has one.
    pub provider: Option<&'a ProviderName>,
    pub attempt: &'a str,
    pub callback: &'a Callback,
    /// What proves the account's second factor.
    pub code: Option<&'a str>,
    /// What a log-in before has left with this device.
    pub device: Option<&'a str>,
}

/// What an attempt has come to.
#[derive(Debug)]
pub enum Finished {
    LoggedIn(Tokens),
    Linked,
}

/// A person at another issuer, as the account's owner sees them.
#[derive(Debug)]
pub struct IdentityView {
    pub id: Uuid,
    pub provider: ProviderName,
    /// What the issuer said when it was linked.
    pub email: Option<String>,
    pub linked_at: DateTime<Utc>,
}

impl Outside {
    pub fn new(
        shared: Arc<Shared>,
        sessions: Arc<Sessions>,
        attempts: Attempts,
        subjects: Arc<Subjects>,
    ) -> Result<Self, LoginError> {
        let parties = Parties::new(&shared.settings.providers, &shared.url)?;
        Ok(Self { shared, sessions, attempts, subjects, parties })
    }

    /// Names and labels of the issuers, in the order of their names.
    pub fn providers(&self) -> impl Iterator<Item = (&ProviderName, &str)> {
        self.parties.labels().filter(|_| self.shared.signing_key.is_some())
    }

    pub async fn begin(
        &self,
        asker: &Asker,
        provider: &ProviderName,
        place: Place,
    ) -> Result<Departure, IdentityError> {
        self.depart(asker, provider, place, Wish::LogIn).await
    }

    /// The same for someone who is logged in, and wants to log in at that issuer from now on, too.
    pub async fn begin_link(
        &self,
        asker: &Asker,
        provider: &ProviderName,
        place: Place,
    ) -> Result<Departure, IdentityError> {
        let loaded = self.shared.own(asker).await?;
        self.sessions.demand_confirmation(asker).await?;
        let session = asker.log_in.and_then(|log_in| log_in.session);
        self.depart(asker, provider, place, Wish::Link { account: loaded.id, session }).await
    }

    async fn depart(
        &self,
        asker: &Asker,
        provider: &ProviderName,
        place: Place,
        wish: Wish,
    ) -> Result<Departure, IdentityError> {
        self.shared.signing_key.as_ref().ok_or(IdentityError::Elsewhere)?;
        let party = self.parties.of(provider, place).ok_or(IdentityError::NotFound)?;
        self.shared.budgets.departure(asker.address)?;
        let (url, attempt) = party.begin().await.map_err(|error| failed(provider, &error))?;
        let until = asker.now + LIFETIME;
        let begun = Begun { id: new_id(), provider: provider.clone(), place, wish, attempt, until };
        Ok(Departure { url, attempt: self.attempts.seal(&begun)?, until })
    }

    /// Logs in, or links, whatever was begun.
    pub async fn finish(&self, asker: &Asker, arrival: &Arrival<'_>) -> Result<Finished, IdentityError> {
        let begun = self.open(asker, arrival)?;
        match &begun.wish {
            Wish::LogIn => self.let_in(asker, &begun, arrival).await.map(Finished::LoggedIn),
            Wish::Link { account, session } => {
                self.link(asker, &begun, arrival, account, *session).await.map(|_| Finished::Linked)
            }
        }
    }

    pub async fn finish_log_in(&self, asker: &Asker, arrival: &Arrival<'_>) -> Result<Tokens, IdentityError> {
        let begun = self.open(asker, arrival)?;
        match begun.wish {
            Wish::LogIn => self.let_in(asker, &begun, arrival).await,
            Wish::Link { .. } => Err(IdentityError::InvalidAttempt),
        }
    }

    /// Only who has begun it finishes it.
    pub async fn finish_link(
        &self,
        asker: &Asker,
        arrival: &Arrival<'_>,
    ) -> Result<IdentityView, IdentityError> {
        let begun = self.open(asker, arrival)?;
        match &begun.wish {
            Wish::Link { account, session } if asker.subject() == Some(account) => {
                let id = self.link(asker, &begun, arrival, account, *session).await?;
                let linked = self.list(asker).await?.into_iter().find(|identity| identity.id == id);
                linked.ok_or(IdentityError::NotFound)
            }
            Wish::Link { .. } | Wish::LogIn => Err(IdentityError::InvalidAttempt),
        }
    }

    /// The code of a second factor has come behind the answer.
    pub async fn prove(
        &self,
        asker: &Asker,
        attempt: &str,
        code: &str,
        device: Option<&str>,
    ) -> Result<Tokens, IdentityError> {
        let begun = self.attempts.open(attempt, asker.now).ok_or(IdentityError::InvalidAttempt)?;
        self.with_code(asker, &begun, Some(code), device).await
    }

    fn open(&self, asker: &Asker, arrival: &Arrival<'_>) -> Result<Begun, IdentityError> {
        let begun = self.attempts.open(arrival.attempt, asker.now).ok_or(IdentityError::InvalidAttempt)?;
        // An answer to something else uses nothing up: who sends a person here can't end what they have begun.
        let is_answered = arrival.callback.state.as_deref() == Some(&begun.attempt.state);
        let is_its = arrival.provider.is_none_or(|provider| *provider == begun.provider);
        if begun.place == arrival.place && is_its && is_answered {
            Ok(begun)
        } else {
            Err(IdentityError::InvalidAttempt)
        }
    }

    async fn let_in(
        &self,
        asker: &Asker,
        begun: &Begun,
        arrival: &Arrival<'_>,
    ) -> Result<Tokens, IdentityError> {
        if self.attempts.awaited(begun).await?.is_none() {
            let identity = self.answered(asker, begun, arrival.callback).await?;
            let account = self.account_of(asker, &begun.provider, &identity).await?;
            if !self.shared.load(&account).await?.details()?.needs_second_factor() {
                let loaded = self.sessions.prove(asker, &account, None, None).await?;
                return self.sessions.begin(asker, &loaded).await;
            }
            self.attempts.await_code(begun, &account).await?;
        }
        self.with_code(asker, begun, arrival.code, arrival.device).await
    }

    async fn with_code(
        &self,
        asker: &Asker,
        begun: &Begun,
        code: Option<&str>,
        device: Option<&str>,
    ) -> Result<Tokens, IdentityError> {
        let account = self.attempts.awaited(begun).await?.ok_or(IdentityError::InvalidAttempt)?;
        let loaded = self.sessions.prove(asker, &account, code, device).await?;
        if !self.attempts.has_come(begun).await? {
            return Err(IdentityError::InvalidAttempt);
        }
        self.sessions.begin(asker, &loaded).await
    }

    /// Who has come back, of whom the issuer is asked once.
    async fn answered(
        &self,
        asker: &Asker,
        begun: &Begun,
        callback: &Callback,
    ) -> Result<Identity, IdentityError> {
        let party = self.parties.of(&begun.provider, begun.place).ok_or(IdentityError::NotFound)?;
        if !self.attempts.use_up(begun).await? {
            return Err(IdentityError::InvalidAttempt);
        }
        match party.finish(&begun.attempt, callback, asker.now.timestamp()).await {
            Ok(identity) => Ok(identity),
            Err(error) => {
                self.shared.note(asker, None, ActivityEvent::LogInFailed, None).await?;
                Err(failed(&begun.provider, &error))
            }
        }
    }

    /// The account that this person logs in to.
    async fn account_of(
        &self,
        asker: &Asker,
        provider: &ProviderName,
        identity: &Identity,
    ) -> Result<String, IdentityError> {
        for _ in 0..TRIES {
            if let Some(account) = self.try_account_of(asker, provider, identity).await? {
                return Ok(account);
            }
            sleep(PAUSE).await;
        }
        Err(IdentityError::Busy)
    }

    /// `None` if something else is done with the same person or address at this moment.
    async fn try_account_of(
        &self,
        asker: &Asker,
        provider: &ProviderName,
        identity: &Identity,
    ) -> Result<Option<String>, IdentityError> {
        let shared = &self.shared;
        let subject = Subject::from(identity);
        let known = self.subjects.find(&subject).await?;
        if let Some(row) = &known
            && self.is_named(row).await?
        {
            return Ok(Some(row.account.clone()));
        }
        let email = verified_address(identity).ok_or(IdentityError::AddressUnverified)?;
        if let Some(owner) = shared.addresses.owner(&email).await? {
            let loaded = shared.load(&owner).await?;
            if shared.has_verified(loaded.account.details(), &email).await? {
                let row = self.kept(&subject, known, owner.clone()).await?;
                if row.account != owner {
                    return Ok(None);
                }
                self.tie(asker, system(), provider, &row).await?;
                return Ok(Some(owner));
            }
        }
        self.register(asker, provider, &subject, known, &email).await
    }

    /// Someone new. Others who log in as the same person at the same moment go on with the same row and the same account, and
    /// so does who comes after a process that died.
    async fn register(
        &self,
        asker: &Asker,
        provider: &ProviderName,
        subject: &Subject,
        known: Option<Row>,
        email: &Email,
    ) -> Result<Option<String>, IdentityError> {
        let shared = &self.shared;
        let begun = match &known {
            Some(row) if matches!(shared.load(&row.account).await?.account, Account::Unknown) => {
                Some(row.clone())
            }
            _ => None,
        };
        let row = match begun {
            Some(row) => row,
            None => {
                shared.budgets.registration(asker.address)?;
                let new = Row { id: new_id(), account: AccountId::new(new_id()).to_string() };
                self.subjects.keep(subject, known.as_ref(), &new).await?
            }
        };
        let Row { id, account } = &row;
        match shared.claim(asker, email, account).await {
            Err(IdentityError::AddressTaken) => return Ok(None),
            claimed => claimed?,
        }
        let role = Role::Customer.as_str().to_owned();
        let request = RegisterKnown {
            id: account.parse().map_err(|_| IdentityError::NotFound)?,
            address: *id,
            email: shared.seal(account, email).await?,
            password: new_id(),
            roles: vec![RoleName::try_from(role).expect("a role has a name")],
            identity: *id,
            provider: provider.clone(),
        };
        match shared.ask_as(asker, system(), request).await {
            Err(IdentityError::Command(CommandError::Refused(refusal)))
                if refusal.code == GeneralCode::AlreadyExists.code() => {}
            Err(error) => return Err(error),
            Ok(_) => {
                shared.note(asker, Some(account), ActivityEvent::Registered, None).await?;
                shared.note(asker, Some(account), ActivityEvent::IdentityLinked, None).await?;
            }
        }
        shared.addresses.confirm(email, account).await?;
        Ok(self.is_named(&row).await?.then_some(row.account))
    }

    /// The row by which this account is linked, which is new unless the account was about to be linked by one.
    async fn kept(
        &self,
        subject: &Subject,
        known: Option<Row>,
        account: String,
    ) -> Result<Row, IdentityError> {
        if let Some(row) = &known
            && row.account == account
        {
            return Ok(row.clone());
        }
        let new = Row { id: new_id(), account };
        Ok(self.subjects.keep(subject, known.as_ref(), &new).await?)
    }

    /// Says in the log that the account is linked.
    async fn tie(
        &self,
        asker: &Asker,
        actor: Actor,
        provider: &ProviderName,
        row: &Row,
    ) -> Result<(), IdentityError> {
        let id = row.account.parse().map_err(|_| IdentityError::NotFound)?;
        let request = LinkIdentity { id, identity: row.id, provider: provider.clone() };
        self.shared.ask_as(asker, actor, request).await?;
        self.shared.note(asker, Some(&row.account), ActivityEvent::IdentityLinked, None).await
    }

    async fn is_named(&self, row: &Row) -> Result<bool, IdentityError> {
        let loaded = self.shared.load(&row.account).await?;
        Ok(loaded.account.details().is_some_and(|details| details.identities.contains_key(&row.id)))
    }

    /// Links an account because its owner wants it, whatever the issuer says of addresses. The id of the row.
    async fn link(
        &self,
        asker: &Asker,
        begun: &Begun,
        arrival: &Arrival<'_>,
        account: &str,
        session: Option<Uuid>,
    ) -> Result<Uuid, IdentityError> {
        if let Some(session) = session
            && !self.sessions.is_open(asker, session, account).await?
        {
            return Err(IdentityError::InvalidAttempt);
        }
        let identity = self.answered(asker, begun, arrival.callback).await?;
        let subject = Subject::from(&identity);
        let known = self.subjects.find(&subject).await?;
        if let Some(row) = &known
            && self.is_named(row).await?
        {
            return if row.account == account { Ok(row.id) } else { Err(IdentityError::IdentityTaken) };
        }
        let row = self.kept(&subject, known, account.to_owned()).await?;
        if row.account != account {
            return Err(IdentityError::IdentityTaken);
        }
        let actor = asker.actor.as_deref().cloned().unwrap_or_else(system);
        self.tie(asker, actor, &begun.provider, &row).await?;
        Ok(row.id)
    }

    /// Those of the caller's account, the oldest first.
    pub async fn list(&self, asker: &Asker) -> Result<Vec<IdentityView>, IdentityError> {
        let loaded = self.shared.own(asker).await?;
        let named = &loaded.details()?.identities;
        let seen = self.subjects.of(&loaded.id).await?.into_iter().filter_map(|seen| {
            let (provider, email) = (named.get(&seen.id)?.clone(), seen.subject.and_then(|it| it.email));
            Some(IdentityView { id: seen.id, provider, email, linked_at: seen.linked_at })
        });
        Ok(seen.collect())
    }

    /// One can't log in as that person any more. The fact comes first here: a row that no account names is worth nothing.
    pub async fn unlink(&self, asker: &Asker, identity: Uuid) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        self.sessions.demand_confirmation(asker).await?;
        let details = loaded.details()?;
        if !details.identities.contains_key(&identity) {
            return Err(IdentityError::NotFound);
        }
        let credentials = shared.credentials(&loaded.id).await?;
        let may_be_last = credentials.iter().any(|row| row.id == details.password);
        shared.ask(asker, UnlinkIdentity { id: loaded.account_id()?, identity, may_be_last }).await?;
        self.subjects.forget(identity, &loaded.id).await?;
        shared.note(asker, Some(&loaded.id), ActivityEvent::IdentityUnlinked, None).await
    }
}
