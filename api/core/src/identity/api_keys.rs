//! Keys of programs: `dbk_` and 32 random bytes, shown once and stored as their SHA-256. A key acts for its account, and
//! may do what both the account and its scopes allow.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use daybook_commands::accounts::{IssueKey, RevokeKey};
use daybook_domain::{
    account::{KeyDetails, RuleName},
    policy::{Actor, ActorKind, RuleSet},
    text::Line,
};
use moka::sync::Cache;
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    activity::ActivityEvent, asker::Asker, error::IdentityError, secrets::random, sessions::Sessions,
    shared::Shared,
};
use crate::{auth::roles::Named, entropy};

/// What keys begin with, so that they are known wherever they turn up.
pub const PREFIX: &str = "dbk_";
const KEY_LEN: usize = 32;
const HASH_LEN: usize = 32;
const REMEMBERED_KEYS: u64 = 50_000;
const REMEMBERED_FOR: Duration = Duration::from_secs(300);

/// How an account calls a key.
pub type KeyName = Line<1, 100>;

pub struct ApiKeys {
    shared: Arc<Shared>,
    sessions: Arc<Sessions>,
    known: Cache<[u8; HASH_LEN], Arc<Known>>,
    /// Keys that were used, and are not written down as such yet.
    used: Mutex<HashSet<Uuid>>,
}

/// A key that was found good.
struct Known {
    id: Uuid,
    actor: Arc<Actor>,
    generation: u64,
    /// Unix time in seconds, as revocations of its account are compared with.
    loaded_at: i64,
    expires_at: Option<DateTime<Utc>>,
}

/// A key that was just made.
#[derive(Debug)]
pub struct Issued {
    pub id: Uuid,
    /// Shown this once.
    pub key: String,
}

#[derive(Debug)]
pub struct KeyView {
    pub id: Uuid,
    pub name: Option<KeyName>,
    pub scopes: Vec<RuleName>,
    pub created_at: Option<DateTime<Utc>>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used: Option<DateTime<Utc>>,
}

/// What a new key is to be.
#[derive(Debug)]
pub struct NewKey {
    pub name: KeyName,
    pub scopes: Vec<RuleName>,
    pub expires_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    account: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    last_used: Option<DateTime<Utc>>,
}

impl ApiKeys {
    pub fn new(shared: Arc<Shared>, sessions: Arc<Sessions>) -> Self {
        let known = Cache::builder().max_capacity(REMEMBERED_KEYS).time_to_live(REMEMBERED_FOR).build();
        Self { shared, sessions, known, used: Mutex::default() }
    }

    /// Who calls with this key, and the key's id; `None` if it is not good.
    pub async fn owner(
        &self,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<(Arc<Actor>, Uuid)>, IdentityError> {
        let hash = hash_of(key);
        if let Some(known) = self.known.get(&hash)
            && self.is_current(&known, now)
        {
            return Ok(Some(self.noted(&known)));
        }
        let Some(known) = self.look_up(&hash, now).await? else { return Ok(None) };
        let owner = self.noted(&known);
        self.known.insert(hash, Arc::new(known));
        Ok(Some(owner))
    }

    fn noted(&self, known: &Known) -> (Arc<Actor>, Uuid) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(known.id);
        (Arc::clone(&known.actor), known.id)
    }

    fn is_current(&self, known: &Known, now: DateTime<Utc>) -> bool {
        let verifier = &self.shared.verifier;
        known.generation == verifier.roles().generation()
            && known.expires_at.is_none_or(|until| until > now)
            && !verifier.has_ended(known.id)
            && !verifier.has_subject_ended(&known.actor.subject, known.loaded_at)
    }

    async fn look_up(&self, hash: &[u8], now: DateTime<Utc>) -> Result<Option<Known>, IdentityError> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, account, created_at, expires_at, ended_at, last_used FROM api_keys WHERE hash = $1",
        )
        .bind(hash)
        .fetch_optional(&self.shared.pool)
        .await?;
        let is_alive = |row: &Row| {
            row.ended_at.is_none_or(|ended| ended > now) && row.expires_at.is_none_or(|until| until > now)
        };
        let Some(row) = row.filter(is_alive) else { return Ok(None) };
        let loaded_at = self.shared.verifier.now();
        let loaded = self.shared.load(&row.account).await?;
        let Some(details) = loaded.account.details().filter(|_| loaded.account.is_usable()) else {
            return Ok(None);
        };
        // A key that its account doesn't name is worth nothing. One that was rotated is good until it ends.
        let Some(key) = details.keys.get(&row.id) else { return Ok(None) };
        let named = Named::of(details.roles.iter().map(|role| role.as_str()));
        let (rules, generation) = self.shared.verifier.roles().resolve(&named);
        let scopes = scopes(&key.scopes);
        let actor = Actor { subject: row.account, kind: ActorKind::Key, rules: rules.only(scopes) };
        let expires_at = [row.expires_at, row.ended_at].into_iter().flatten().min();
        Ok(Some(Known { id: row.id, actor: Arc::new(actor), generation, loaded_at, expires_at }))
    }

    pub async fn issue(&self, asker: &Asker, new: NewKey) -> Result<Issued, IdentityError> {
        self.sessions.demand_confirmation(asker).await?;
        let issued = self.make(asker, new, None).await?;
        self.shared.note(asker, asker.subject(), ActivityEvent::KeyIssued, None).await?;
        Ok(issued)
    }

    /// A new key in the place of one that goes on for `overlap`.
    pub async fn rotate(&self, asker: &Asker, id: Uuid, overlap: TimeDelta) -> Result<Issued, IdentityError> {
        self.sessions.demand_confirmation(asker).await?;
        let loaded = self.shared.own(asker).await?;
        let details = loaded.details()?;
        let KeyDetails { scopes, expires_at, name } =
            details.keys.get(&id).ok_or(IdentityError::NotFound)?.clone();
        let name = self.shared.open(&name).await?.ok_or(IdentityError::NotFound)?;
        let issued = self.make(asker, NewKey { name, scopes, expires_at }, Some(id)).await?;
        sqlx::query("UPDATE api_keys SET ended_at = $3 WHERE id = $1 AND account = $2 AND ended_at IS NULL")
            .bind(id)
            .bind(&loaded.id)
            .bind(asker.now + overlap)
            .execute(&self.shared.pool)
            .await?;
        if overlap <= TimeDelta::zero() {
            self.shared.verifier.end([id]);
        }
        self.shared.note(asker, Some(&loaded.id), ActivityEvent::KeyRotated, None).await?;
        Ok(issued)
    }

    async fn make(
        &self,
        asker: &Asker,
        new: NewKey,
        replaces: Option<Uuid>,
    ) -> Result<Issued, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        check_scopes(&new.scopes)?;
        if new.expires_at.is_some_and(|until| until <= asker.now) {
            return Err(IdentityError::Invalid("/expires_at", "is a time in the future".into()));
        }
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<KEY_LEN>()));
        let id = entropy::new_id();
        let name = shared.seal(&loaded.id, &new.name).await?;
        sqlx::query(
            "INSERT INTO api_keys (id, account, hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id)
        .bind(&loaded.id)
        .bind(hash_of(&key).as_slice())
        .bind(asker.now)
        .bind(new.expires_at)
        .execute(&shared.pool)
        .await?;
        let (account, scopes, expires_at) = (loaded.account_id()?, new.scopes, new.expires_at);
        let request = IssueKey { id: account, key: id, name, scopes, expires_at, replaces };
        shared.ask(asker, request).await?;
        Ok(Issued { id, key })
    }

    pub async fn revoke(&self, asker: &Asker, id: Uuid) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        if !loaded.details()?.keys.contains_key(&id) {
            return Err(IdentityError::NotFound);
        }
        sqlx::query("UPDATE api_keys SET ended_at = clock_timestamp() WHERE id = $1 AND account = $2")
            .bind(id)
            .bind(&loaded.id)
            .execute(&shared.pool)
            .await?;
        self.shared.verifier.end([id]);
        shared.ask(asker, RevokeKey { id: loaded.account_id()?, key: id }).await?;
        shared.note(asker, Some(&loaded.id), ActivityEvent::KeyRevoked, None).await
    }

    /// The caller's keys that are not revoked, the newest first.
    pub async fn list(&self, asker: &Asker) -> Result<Vec<KeyView>, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        let details = loaded.details()?;
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, account, created_at, expires_at, ended_at, last_used FROM api_keys
              WHERE account = $1 AND (ended_at IS NULL OR ended_at > $2) ORDER BY created_at DESC, id DESC",
        )
        .bind(&loaded.id)
        .bind(asker.now)
        .fetch_all(&shared.pool)
        .await?;
        let mut shown = Vec::new();
        for row in rows {
            let Some(key) = details.keys.get(&row.id) else { continue };
            let expires_at = [row.expires_at, row.ended_at].into_iter().flatten().min();
            shown.push(KeyView {
                id: row.id,
                name: shared.open(&key.name).await?,
                scopes: key.scopes.clone(),
                created_at: Some(row.created_at),
                expires_at,
                last_used: row.last_used,
            });
        }
        Ok(shown)
    }

    /// Writes down which keys were used since the last time.
    pub async fn write_used(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        let used: Vec<Uuid> = self.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        if used.is_empty() {
            return Ok(());
        }
        let written = sqlx::query("UPDATE api_keys SET last_used = clock_timestamp() WHERE id = ANY ($1)")
            .bind(&used)
            .execute(pool)
            .await;
        if written.is_err() {
            self.used.lock().unwrap_or_else(PoisonError::into_inner).extend(used);
        }
        written.map(drop)
    }
}

/// Whether a token is an API key.
pub fn is_key(token: &str) -> bool {
    token.starts_with(PREFIX)
}

fn hash_of(key: &str) -> [u8; HASH_LEN] {
    digest(&SHA256, key.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// What stored scopes come to. One that this release doesn't know gives nothing.
fn scopes(names: &[RuleName]) -> RuleSet {
    let known = names.iter().filter_map(|name| RuleSet::named([name.as_str()]).ok());
    known.fold(RuleSet::default(), RuleSet::and)
}

fn check_scopes(names: &[RuleName]) -> Result<(), IdentityError> {
    let no_scope = |name: &&RuleName| match RuleSet::named([name.as_str()]) {
        Ok(set) => set.rules().any(|(rule, _)| !rule.is_scope),
        Err(_) => true,
    };
    match names.iter().find(no_scope) {
        Some(name) => {
            Err(IdentityError::Invalid("/scopes", format!("{name} is no permission that a key can have")))
        }
        None if names.is_empty() => {
            Err(IdentityError::Invalid("/scopes", "names at least one permission".into()))
        }
        None => Ok(()),
    }
}
