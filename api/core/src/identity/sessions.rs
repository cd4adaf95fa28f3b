//! Logging in, staying logged in, and logging out.
//!
//! A session has a refresh token at a time, and each use of it brings the next one. Refresh tokens are computed from the
//! session, a number and a key, so no table has one, and a client that uses one twice, because an answer was lost or two
//! programs share it, is given the same next one. A token whose successor's successor is known was stolen, or is used by
//! someone who stole: the session ends.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use daybook_commands::accounts::EndAccountSessions;
use daybook_domain::{
    account::{Details, SessionsEnd},
    contact::Email,
};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use tokio::time::Instant;
use tracing::warn;
use uuid::Uuid;

use super::{
    activity::{self, ActivityEvent, Happened},
    asker::{Asker, system},
    error::IdentityError,
    factors::Factors,
    passwords::{Password, Passwords},
    secrets::{SecretKind, Secrets},
    shared::{Credential, Loaded, Shared, delta},
    tokens::{DEVICE, REFRESH, device_message, device_token, parts, refresh_message, refresh_token},
};
use crate::{
    auth::{Grant, LogIn},
    entropy, metrics,
};

/// How long after its successor was used a refresh token still brings that same successor.
const REPLAYED_FOR: TimeDelta = TimeDelta::seconds(30);
const MAX_USER_AGENT_CHARS: usize = 200;
/// An id that no account has, which is looked at where there is none.
pub const NOBODY: &str = "acc_00000000000000000000000000000000";

pub struct Sessions {
    pub(super) shared: Arc<Shared>,
    secrets: Arc<Secrets>,
    pub(super) factors: Arc<Factors>,
}

/// What a log-in or a refresh brings.
#[derive(Debug)]
pub struct Tokens {
    pub access_token: String,
    pub expires_in: u64,
    pub refresh_token: String,
    pub session: Uuid,
    /// Shows, at a later log-in, that this device is known to the account.
    pub device: String,
    pub until: DateTime<Utc>,
}

/// Where a session was begun.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Device {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What someone says who wants to log in.
pub struct Credentials<'a> {
    pub email: &'a Email,
    pub password: &'a Password,
    pub code: Option<&'a str>,
    /// What a log-in before has left with this device.
    pub device: Option<&'a str>,
}

/// A refresh token that was computed here.
struct Refresh {
    session: Uuid,
    generation: i32,
}

#[derive(sqlx::FromRow)]
struct Row {
    account: String,
    generation: i32,
    advanced_at: DateTime<Utc>,
    confirmed_at: DateTime<Utc>,
    idle_until: DateTime<Utc>,
    until: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl Sessions {
    pub fn new(shared: Arc<Shared>, secrets: Arc<Secrets>, factors: Arc<Factors>) -> Self {
        Self { shared, secrets, factors }
    }

    /// The work is the same whether there is such an account or not, and so is the refusal.
    pub async fn log_in(&self, asker: &Asker, said: &Credentials<'_>) -> Result<Tokens, IdentityError> {
        let tokens = self.check_in(asker, said).await;
        let outcome = match &tokens {
            Ok(_) => metrics::LogIn::Succeeded,
            Err(IdentityError::InvalidCredentials) => metrics::LogIn::Refused,
            Err(IdentityError::SecondFactorRequired) => metrics::LogIn::FactorRequired,
            Err(IdentityError::TooOften(_)) => metrics::LogIn::TooOften,
            Err(_) => metrics::LogIn::Failed,
        };
        metrics::LOG_INS.with_label_values(&[outcome.as_str()]).inc();
        tokens
    }

    async fn check_in(&self, asker: &Asker, said: &Credentials<'_>) -> Result<Tokens, IdentityError> {
        let shared = &self.shared;
        self.can_log_in()?;
        let owner = shared.addresses.owner(said.email).await?;
        let is_there = owner.is_some();
        let account = owner.unwrap_or_else(|| NOBODY.to_owned());
        let device = match said.device {
            Some(device) => self.known_device(device, &account).await?,
            None => None,
        };
        shared.budgets.log_in(asker.address, shared.addresses.mark(said.email), device)?;
        let loaded = shared.load(&account).await?;
        let credentials = shared.credentials(&account).await?;
        let usable = loaded.account.details().filter(|_| is_there && loaded.account.is_usable());
        if !self.is_password(asker, usable, &credentials, said.password).await? {
            let account = is_there.then_some(account.as_str());
            shared.note(asker, account, ActivityEvent::LogInFailed, None).await?;
            return Err(IdentityError::InvalidCredentials);
        }
        self.factors.prove(asker, &loaded, &credentials, said.code, device).await?;
        self.begin(asker, &loaded).await
    }

    /// Whether it is the password of this account; checked at the same cost if there is none.
    async fn is_password(
        &self,
        asker: &Asker,
        details: Option<&Details>,
        credentials: &[Credential],
        password: &Password,
    ) -> Result<bool, IdentityError> {
        let named = details.and_then(|details| credentials.iter().find(|row| row.id == details.password));
        let stored = named.map(|row| String::from_utf8_lossy(&row.secret).into_owned());
        let passwords: &Passwords = &self.shared.passwords;
        let deadline = Instant::from_std(asker.deadline);
        let checked = passwords.check(password, stored, deadline).await?;
        if let Some(row) = named.filter(|_| checked.is_outdated) {
            let hash = passwords.hash(password, deadline).await?;
            sqlx::query("UPDATE credentials SET secret = $2 WHERE id = $1 AND secret = $3")
                .bind(row.id)
                .bind(hash.as_bytes())
                .bind(&row.secret)
                .execute(&self.shared.pool)
                .await?;
        }
        Ok(checked.fits)
    }

    /// The session of someone who has shown that this account is theirs.
    pub async fn begin(&self, asker: &Asker, loaded: &Loaded) -> Result<Tokens, IdentityError> {
        self.can_log_in()?;
        let details = loaded.details()?;
        let id = entropy::new_id();
        let settings = &self.shared.settings;
        let until = asker.now + delta(settings.session_lifetime.get());
        let user_agent =
            asker.user_agent.as_ref().map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect::<String>());
        let device = Device { address: asker.address.map(|address| address.to_string()), user_agent };
        let device = self.shared.seal(&loaded.id, &device).await?;
        let mut transaction = self.shared.pool.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (id, account, created_at, advanced_at, confirmed_at, idle_until, until, device)
             VALUES ($1, $2, $3, $3, $3, $4, $5, $6)",
        )
        .bind(id)
        .bind(&loaded.id)
        .bind(asker.now)
        .bind(asker.now + delta(settings.idle_lifetime.get()))
        .bind(until)
        .bind(Json(&device))
        .execute(&mut *transaction)
        .await?;
        let happened = Happened::new(Some(&loaded.id), ActivityEvent::LoggedIn);
        let happened = Happened { session: Some(id), ..happened };
        activity::note(&mut *transaction, asker, &happened).await?;
        transaction.commit().await?;
        self.tokens(asker.now, &loaded.id, details, id, 1, asker.now, until)
    }

    /// The next tokens of a session.
    pub async fn refresh(&self, asker: &Asker, token: &str) -> Result<Tokens, IdentityError> {
        self.can_log_in()?;
        let refresh = self.parse(token).await?.ok_or(IdentityError::Unauthenticated)?;
        let (row, generation) = match self.advance(asker, &refresh).await? {
            Some(row) => {
                let generation = row.generation;
                (row, generation)
            }
            None => self.replay(asker, &refresh).await?,
        };
        let loaded = self.shared.load(&row.account).await?;
        let Some(details) = loaded.account.details().filter(|_| loaded.account.is_usable()) else {
            return Err(IdentityError::Unauthenticated);
        };
        let (session, at) = (refresh.session, row.confirmed_at);
        self.tokens(asker.now, &row.account, details, session, generation, at, row.until)
    }

    /// The session's newest token is used for the first time.
    async fn advance(&self, asker: &Asker, refresh: &Refresh) -> Result<Option<Row>, IdentityError> {
        let row = sqlx::query_as(
            "UPDATE sessions SET generation = generation + 1, advanced_at = $3, idle_until = $4
              WHERE id = $1 AND generation = $2 AND ended_at IS NULL AND idle_until > $3 AND until > $3
          RETURNING account, generation, advanced_at, confirmed_at, idle_until, until, ended_at",
        )
        .bind(refresh.session)
        .bind(refresh.generation)
        .bind(asker.now)
        .bind(asker.now + delta(self.shared.settings.idle_lifetime.get()))
        .fetch_optional(&self.shared.pool)
        .await?;
        Ok(row)
    }

    /// A token that was used before: its successor once more, or the end of the session.
    async fn replay(&self, asker: &Asker, refresh: &Refresh) -> Result<(Row, i32), IdentityError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT account, generation, advanced_at, confirmed_at, idle_until, until, ended_at
               FROM sessions WHERE id = $1",
        )
        .bind(refresh.session)
        .fetch_optional(&self.shared.pool)
        .await?;
        let is_alive =
            |row: &Row| row.ended_at.is_none() && row.idle_until > asker.now && row.until > asker.now;
        let row = row.filter(is_alive).ok_or(IdentityError::Unauthenticated)?;
        let successor = refresh.generation.saturating_add(1);
        let was_used = row.generation > successor;
        let was_used_long_ago = was_used
            && (row.generation > successor.saturating_add(1) || row.advanced_at + REPLAYED_FOR < asker.now);
        if was_used_long_ago {
            self.end_reused(asker, refresh.session, &row.account).await?;
            return Err(IdentityError::Unauthenticated);
        }
        Ok((row, successor))
    }

    async fn end_reused(&self, asker: &Asker, session: Uuid, account: &str) -> Result<(), IdentityError> {
        let shared = &self.shared;
        warn!(%session, "a refresh token was used again after its successor: the session has ended");
        self.end_where(asker, account, &[session]).await?;
        shared.note(asker, Some(account), ActivityEvent::TokenReused, Some(session)).await?;
        // Its owner is told by a mail that follows from this.
        let id = account.parse().map_err(|_| IdentityError::NotFound)?;
        let request = EndAccountSessions { id, why: SessionsEnd::TokenReused };
        shared.ask_as(asker, system(), request).await.map(drop)
    }

    /// Who has just proved once more who they are.
    pub async fn confirm(
        &self,
        asker: &Asker,
        password: &Password,
        code: Option<&str>,
    ) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let session = current(asker)?;
        let loaded = shared.own(asker).await?;
        shared.budgets.second_factor(&loaded.id, Some(session))?;
        let credentials = shared.credentials(&loaded.id).await?;
        if !self.is_password(asker, Some(loaded.details()?), &credentials, password).await? {
            shared.note(asker, Some(&loaded.id), ActivityEvent::LogInFailed, Some(session)).await?;
            return Err(IdentityError::InvalidCredentials);
        }
        self.factors.prove(asker, &loaded, &credentials, code, Some(session)).await?;
        sqlx::query("UPDATE sessions SET confirmed_at = $2 WHERE id = $1")
            .bind(session)
            .bind(asker.now)
            .execute(&shared.pool)
            .await?;
        shared.note(asker, Some(&loaded.id), ActivityEvent::Confirmed, Some(session)).await
    }

    /// Refuses what is dangerous unless the caller has proved a short time ago who they are.
    pub async fn demand_confirmation(&self, asker: &Asker) -> Result<(), IdentityError> {
        let log_in = asker.log_in.ok_or(IdentityError::ConfirmationRequired)?;
        let confirmed_at = match log_in.session {
            Some(session) => sqlx::query_scalar("SELECT confirmed_at FROM sessions WHERE id = $1")
                .bind(session)
                .fetch_optional(&self.shared.pool)
                .await?
                .ok_or(IdentityError::ConfirmationRequired)?,
            None => DateTime::from_timestamp(log_in.at, 0).unwrap_or(DateTime::UNIX_EPOCH),
        };
        let lifetime = delta(self.shared.settings.confirmation_lifetime.get());
        if confirmed_at + lifetime > asker.now { Ok(()) } else { Err(IdentityError::ConfirmationRequired) }
    }

    /// Ends the session that the caller's token is of.
    pub async fn end_current(&self, asker: &Asker) -> Result<(), IdentityError> {
        let session = current(asker)?;
        self.end_own(asker, session, ActivityEvent::LoggedOut).await
    }

    /// Ends one of the caller's sessions.
    pub async fn end_one(&self, asker: &Asker, session: Uuid) -> Result<(), IdentityError> {
        self.end_own(asker, session, ActivityEvent::SessionEnded).await
    }

    async fn end_own(&self, asker: &Asker, session: Uuid, event: ActivityEvent) -> Result<(), IdentityError> {
        let account = asker.actor.as_ref().ok_or(IdentityError::Unauthenticated)?.subject.clone();
        let ended = self.end_where(asker, &account, &[session]).await?;
        if ended == 0 {
            return Err(IdentityError::NotFound);
        }
        self.shared.note(asker, Some(&account), event, Some(session)).await
    }

    /// Ends all sessions of an account but `kept`, and says in the log why.
    pub async fn end_all(
        &self,
        asker: &Asker,
        account: &str,
        why: SessionsEnd,
        kept: Option<Uuid>,
    ) -> Result<(), IdentityError> {
        self.end_beside(asker, account, why, kept).await?;
        self.shared.note(asker, Some(account), ActivityEvent::SessionsEnded, None).await
    }

    /// The same, without a line of activity.
    pub(super) async fn end_beside(
        &self,
        asker: &Asker,
        account: &str,
        why: SessionsEnd,
        kept: Option<Uuid>,
    ) -> Result<(), IdentityError> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT id FROM sessions WHERE account = $1 AND ended_at IS NULL AND id IS DISTINCT FROM $2",
        )
        .bind(account)
        .bind(kept)
        .fetch_all(&self.shared.pool)
        .await?;
        self.end_where(asker, account, &ids).await?;
        let id = account.parse().map_err(|_| IdentityError::NotFound)?;
        self.shared.ask_as(asker, system(), EndAccountSessions { id, why }).await.map(drop)
    }

    /// Ends these sessions of an account: here at once, in every other process within a second.
    async fn end_where(&self, asker: &Asker, account: &str, ids: &[Uuid]) -> Result<u64, IdentityError> {
        let ended = sqlx::query(
            "UPDATE sessions SET ended_at = clock_timestamp()
              WHERE account = $1 AND id = ANY ($2) AND ended_at IS NULL AND idle_until > $3 AND until > $3",
        )
        .bind(account)
        .bind(ids)
        .bind(asker.now)
        .execute(&self.shared.pool)
        .await?;
        self.shared.verifier.end(ids.iter().copied());
        Ok(ended.rows_affected())
    }

    fn can_log_in(&self) -> Result<(), IdentityError> {
        self.shared.signing_key.as_ref().map(drop).ok_or(IdentityError::Elsewhere)
    }

    #[allow(clippy::too_many_arguments, reason = "they are what two tokens say")]
    fn tokens(
        &self,
        now: DateTime<Utc>,
        account: &str,
        details: &Details,
        session: Uuid,
        generation: i32,
        confirmed_at: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Tokens, IdentityError> {
        let shared = &self.shared;
        let key = shared.signing_key.as_ref().ok_or(IdentityError::Elsewhere)?;
        let roles: Vec<&str> = details.roles.iter().map(|role| role.as_str()).collect();
        let left = (until - now).to_std().unwrap_or_default();
        let ttl = shared.settings.access_lifetime.get().min(left).max(std::time::Duration::from_secs(1));
        let grant = Grant { subject: account, roles: &roles, ttl };
        let log_in = LogIn { session: Some(session), at: confirmed_at.timestamp() };
        let (issuer, audience) = (&shared.tokens.issuer, &shared.tokens.audience);
        let access_token = key.mint_for(issuer, audience, now, &grant, log_in);
        let newest = self.secrets.newest(SecretKind::Refresh);
        Ok(Tokens {
            access_token,
            expires_in: ttl.as_secs(),
            refresh_token: refresh_token(&newest, session, generation),
            session,
            device: device_token(&newest, session, account),
            until,
        })
    }

    async fn parse(&self, token: &str) -> Result<Option<Refresh>, IdentityError> {
        let Some((key_id, session, rest)) = parts(token, REFRESH) else { return Ok(None) };
        let Some((generation, tag)) = rest.split_once('_') else { return Ok(None) };
        let Ok(generation) = generation.parse::<i32>() else { return Ok(None) };
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return Ok(None) };
        let key = self.secrets.find(SecretKind::Refresh, key_id).await?;
        let is_ours = key.is_some_and(|key| key.has_signed(&refresh_message(session, generation), &tag));
        Ok(is_ours.then_some(Refresh { session, generation }))
    }

    /// The device, if this is what a log-in to that account has left with it.
    pub(super) async fn known_device(
        &self,
        token: &str,
        account: &str,
    ) -> Result<Option<Uuid>, IdentityError> {
        let Some((key_id, device, tag)) = parts(token, DEVICE) else { return Ok(None) };
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return Ok(None) };
        let key = self.secrets.find(SecretKind::Refresh, key_id).await?;
        Ok(key.filter(|key| key.has_signed(&device_message(device, account), &tag)).map(|_| device))
    }
}

pub fn current(asker: &Asker) -> Result<Uuid, IdentityError> {
    asker.log_in.and_then(|log_in| log_in.session).ok_or(IdentityError::NotFound)
}
