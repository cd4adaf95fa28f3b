//! What all services of accounts work with.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_commands::{Commands, Context, Done, Request, UseCase};
use daybook_domain::{
    Decider,
    account::{Account, Details},
    contact::Email,
    ids::AccountId,
    policy::Actor,
    reactions::EffectKind,
    sealed::{Person, Sealed},
    text::Line,
    words,
};
use daybook_migrations::Features;
use daybook_projections::{ClaimedEffect, EffectLedger, Log};
use serde::{Serialize, de::DeserializeOwned};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    activity::{self, ActivityEvent, Happened},
    addresses::Addresses,
    asker::Asker,
    budgets::Budgets,
    error::IdentityError,
    links::{Link, Links, Purpose},
    passwords::Passwords,
};
use crate::{
    auth::{SigningKey, Verifier, revocation::Revocations},
    config,
    vault::Vault,
};

/// How a person is called.
pub type PersonName = Line<1, 200>;

pub struct Shared {
    pub pool: PgPool,
    pub log: Log,
    pub vault: Vault,
    /// `None` in a process that has no committer.
    pub commands: Option<Commands>,
    pub addresses: Addresses,
    pub links: Links,
    pub passwords: Arc<Passwords>,
    pub budgets: Budgets,
    pub ledger: EffectLedger,
    pub verifier: Arc<Verifier>,
    pub revocations: Revocations,
    /// `None`: tokens come from another issuer, and no account logs in here.
    pub signing_key: Option<SigningKey>,
    pub tokens: config::Tokens,
    pub settings: config::Accounts,
    pub features: Features,
    /// Where the pages of accounts are reached.
    pub url: String,
}

/// An account as its stream has it.
#[derive(Debug)]
pub struct Loaded {
    pub id: String,
    pub version: i64,
    pub account: Account,
    pub registered_at: Option<DateTime<Utc>>,
}

words! {
    /// What someone proves with who they are.
    pub enum CredentialKind {
        Password = "password",
        Totp = "totp",
        RecoveryCodes = "recovery_codes",
        Passkey = "passkey",
    }
}

/// A row of `credentials`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credential {
    pub id: Uuid,
    pub kind: String,
    pub secret: Vec<u8>,
    pub used: i64,
}

impl Loaded {
    pub fn details(&self) -> Result<&Details, IdentityError> {
        self.account.details().ok_or(IdentityError::NotFound)
    }

    pub fn account_id(&self) -> Result<AccountId, IdentityError> {
        self.id.parse().map_err(|_| IdentityError::NotFound)
    }
}

impl Shared {
    /// The account of this id; one that isn't there is `Unknown`, and takes the same work.
    pub async fn load(&self, id: &str) -> Result<Loaded, IdentityError> {
        let records = self.log.stream(Account::KIND, id, None).await?;
        let mut account = Account::default();
        for record in &records {
            account = account.evolve(&record.decode()?);
        }
        let version = records.last().map_or(0, |record| record.sequence);
        let registered_at = records.first().map(|record| record.recorded_at);
        Ok(Loaded { id: id.to_owned(), version, account, registered_at })
    }

    /// The caller's own account.
    pub async fn own(&self, asker: &Asker) -> Result<Loaded, IdentityError> {
        let actor = asker.actor.as_ref().ok_or(IdentityError::Unauthenticated)?;
        let loaded = self.load(&actor.subject).await?;
        loaded.details()?;
        Ok(loaded)
    }

    pub async fn credentials(&self, account: &str) -> Result<Vec<Credential>, IdentityError> {
        let rows = sqlx::query_as("SELECT id, kind, secret, used FROM credentials WHERE account = $1")
            .bind(account)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows)
    }

    /// Writes a secret down. Until its account names it, it is worth nothing.
    pub async fn keep(
        &self,
        id: Uuid,
        account: &str,
        kind: CredentialKind,
        secret: &[u8],
    ) -> Result<(), IdentityError> {
        sqlx::query(
            "INSERT INTO credentials (id, account, kind, secret) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET secret = excluded.secret WHERE credentials.account = excluded.account",
        )
        .bind(id)
        .bind(account)
        .bind(kind.as_str())
        .bind(secret)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Deletes the secrets of this kind that the account does not name any more.
    pub async fn forget_others(
        &self,
        account: &str,
        kind: CredentialKind,
        kept: &[Uuid],
    ) -> Result<(), IdentityError> {
        sqlx::query("DELETE FROM credentials WHERE account = $1 AND kind = $2 AND id <> ALL ($3)")
            .bind(account)
            .bind(kind.as_str())
            .bind(kept)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn seal(&self, account: &str, data: &(impl Serialize + Sync)) -> Result<Sealed, IdentityError> {
        Ok(self.vault.seal(&Person::Customer(account), data).await?)
    }

    /// `None` if the person has left.
    pub async fn open<T: DeserializeOwned>(&self, sealed: &Sealed) -> Result<Option<T>, IdentityError> {
        Ok(self.vault.open(sealed).await?)
    }

    /// Where the owner of the account chooses a new password, once. `id` is that of the password.
    pub async fn reset_link(
        &self,
        id: Uuid,
        account: &str,
        now: DateTime<Utc>,
    ) -> Result<String, IdentityError> {
        let link = Link { id, account: account.to_owned(), subject: String::new() };
        let lifetime = delta(self.settings.reset_link_lifetime.get());
        let token = self.links.make(&link, Purpose::Reset, now, lifetime).await?;
        Ok(format!("{}/account/reset#token={token}", self.url))
    }

    /// The verified address and the name of an account.
    pub async fn contact(
        &self,
        details: &Details,
    ) -> Result<Option<(Email, Option<PersonName>)>, IdentityError> {
        let Some((_, sealed)) = &details.verified else { return Ok(None) };
        let Some(email) = self.open(sealed).await? else { return Ok(None) };
        let name = match &details.name {
            Some(sealed) => self.open(sealed).await?,
            None => None,
        };
        Ok(Some((email, name)))
    }

    /// Has something done later, which is durable when this returns. `payload` is stored sealed only.
    pub async fn propose(
        &self,
        id: Uuid,
        kind: EffectKind,
        target: &str,
        payload: &(impl Serialize + Sync),
    ) -> Result<(), IdentityError> {
        let payload = serde_json::to_vec(payload).expect("texts serialize");
        let payload = self.vault.seal_secret(&context(id, kind), payload)?;
        Ok(self.ledger.propose(id, kind, target, &payload).await?)
    }

    /// What was proposed with it.
    pub fn proposed<T: DeserializeOwned>(&self, effect: &ClaimedEffect) -> Result<T, IdentityError> {
        let sealed = effect.payload.clone().ok_or(IdentityError::NotFound)?;
        let opened = self.vault.open_secret(&context(effect.event_id, effect.kind), sealed)?;
        serde_json::from_slice(&opened).map_err(|_| IdentityError::NotFound)
    }

    /// Has a command carried out that the caller asks for.
    pub async fn ask<R: Request>(
        &self,
        asker: &Asker,
        request: R,
    ) -> Result<Done<<R::UseCase as UseCase>::Outcome>, IdentityError> {
        self.commanded(asker.context(), request).await
    }

    /// The same for something that `actor` does because of the caller.
    pub async fn ask_as<R: Request>(
        &self,
        asker: &Asker,
        actor: Actor,
        request: R,
    ) -> Result<Done<<R::UseCase as UseCase>::Outcome>, IdentityError> {
        self.commanded(asker.context_as(actor), request).await
    }

    /// The same, if the account is still as it was loaded.
    pub async fn ask_about<R: Request>(
        &self,
        asker: &Asker,
        loaded: &Loaded,
        request: R,
    ) -> Result<Done<<R::UseCase as UseCase>::Outcome>, IdentityError> {
        let context = asker.context();
        self.commanded(Context { if_match: Some(vec![loaded.version]), ..context }, request).await
    }

    async fn commanded<R: Request>(
        &self,
        context: Context,
        request: R,
    ) -> Result<Done<<R::UseCase as UseCase>::Outcome>, IdentityError> {
        let commands = self.commands.as_ref().ok_or(daybook_commands::Failure::Unavailable)?;
        Ok(commands.ask(context, request, &self.vault).await?)
    }

    pub async fn note(
        &self,
        asker: &Asker,
        account: Option<&str>,
        event: ActivityEvent,
        session: Option<Uuid>,
    ) -> Result<(), IdentityError> {
        let happened = Happened { session, ..Happened::new(account, event) };
        Ok(activity::note(&self.pool, asker, &happened).await?)
    }
}

pub fn delta(duration: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// Binds what is sealed to its effect.
pub(crate) fn context(id: Uuid, kind: EffectKind) -> Vec<u8> {
    format!("effects/{kind}/{id}").into_bytes()
}
