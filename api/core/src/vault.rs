//! Personal data at rest: sealed on the way in, opened on the way out.
//!
//! Each person has a key of their own in `person_keys`, wrapped by the master key. Deleting that row
//! erases the person everywhere at once. Keys that were unwrapped are remembered for
//! [`KEY_MEMORY_SECS`], so an erasure takes effect in every process within that time; what is sealed
//! for the person by a process that still remembers the old key can never be opened again.
//!
//! No error and no log line of this module contains plaintext, keys or owners.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    rand,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use daybook_commands::{Failure, Means};
use daybook_domain::{
    Decider,
    ids::OrderId,
    order::Order,
    sealed::{Person, Sealed},
};
use daybook_migrations::{ErrorClass, classify};
use moka::sync::Cache;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::PgPool;
use tokio::sync::watch;
use tracing::{error, warn};
use uuid::Uuid;

use crate::entropy;

/// How long an unwrapped key is remembered, and so how long an erasure may take, s.
const KEY_MEMORY_SECS: u64 = 60;
/// How many unwrapped keys are remembered, of each kind of look-up.
const REMEMBERED_KEYS: u64 = 20_000;
/// How often to look again for a key that was made or thrown away at the same moment.
const KEY_ATTEMPTS: u32 = 5;
const KEY_LEN: usize = 32;

/// Seals and opens personal data. A cheap handle.
#[derive(Clone)]
pub struct Vault {
    pool: PgPool,
    master_key: Arc<RandomizedNonceKey>,
    by_owner: Cache<String, PersonKey>,
    by_id: Cache<Uuid, PersonKey>,
    losses: Arc<Losses>,
}

/// How often the database was lost. The one that comes back may not have the last rows: after a failover, or a restore.
#[derive(Default)]
struct Losses {
    counted: OnceLock<watch::Receiver<u64>>,
    seen: AtomicU64,
}

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the keys of persons can't be reached")]
    Database(#[source] sqlx::Error),
    /// It was changed, or another master key is in use.
    #[error("sealed data or its key can't be authenticated")]
    NotAuthentic,
    /// A defect of ours. The reason is left out: it could quote the data.
    #[error("personal data doesn't have the shape that was expected")]
    Shape,
    #[error("a person's key was made and thrown away again and again")]
    Contended,
}

impl Means for Vault {
    fn new_id(&self) -> Uuid {
        entropy::new_id()
    }

    async fn seal(&self, person: &Person<'_>, data: &(impl Serialize + Sync)) -> Result<Sealed, Failure> {
        Self::seal(self, person, data).await.map_err(|error| {
            error!(%error, "personal data can't be sealed");
            error.into()
        })
    }

    async fn seal_about(
        &self,
        order: OrderId,
        data: &(impl Serialize + Sync),
    ) -> Result<Option<Sealed>, Failure> {
        Self::seal_about(self, order, data).await.map_err(|error| {
            error!(%error, "a note on an order can't be sealed");
            error.into()
        })
    }

    async fn discard(&self, guest: OrderId) -> Result<(), Failure> {
        Self::discard(self, guest).await.map_err(|error| {
            warn!(%error, "a guest's key can't be deleted");
            error.into()
        })
    }
}

/// What a command that needs the vault comes to without it. Nothing was appended yet.
impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Database(error) => match classify(&error) {
                ErrorClass::Conflict | ErrorClass::Busy | ErrorClass::Gone => Self::Unavailable,
                ErrorClass::Data | ErrorClass::Defect => Self::Internal,
            },
            VaultError::NotAuthentic | VaultError::Shape | VaultError::Contended => Self::Internal,
        }
    }
}

impl From<Unspecified> for VaultError {
    fn from(_: Unspecified) -> Self {
        Self::NotAuthentic
    }
}

impl From<sqlx::Error> for VaultError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// The key of one person, unwrapped.
#[derive(Clone)]
struct PersonKey {
    id: Uuid,
    key: Arc<RandomizedNonceKey>,
}

/// Keys of persons.
pub struct Keys(HashMap<Uuid, PersonKey>);

/// The person as a value of `person_keys.owner`.
fn owner(person: &Person<'_>) -> String {
    match person {
        Person::Customer(id) => format!("customer/{id}"),
        Person::Order(id) => format!("order/{id}"),
    }
}

impl Vault {
    pub fn new(pool: PgPool, master_key: [u8; KEY_LEN]) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &master_key).expect("AES-256 takes 32 bytes");
        let (by_owner, by_id) = (key_memory(), key_memory());
        Self { pool, master_key: Arc::new(key), by_owner, by_id, losses: Arc::default() }
    }

    /// From now on, it is looked whether a person's key is still stored before something is sealed with it, if the database
    /// was lost meanwhile: without its row, the key opens nothing ever again. `losses` counts.
    pub fn forget_after(&self, losses: watch::Receiver<u64>) {
        self.losses.seen.store(*losses.borrow(), Ordering::Release);
        let _ = self.losses.counted.set(losses);
    }

    /// Seals `data` for `person`, who gets a key if they have none.
    pub async fn seal(&self, person: &Person<'_>, data: &impl Serialize) -> Result<Sealed, VaultError> {
        let plaintext = serde_json::to_vec(data).map_err(|_| VaultError::Shape)?;
        let person_key = self.key_of(person).await?;
        let data = encrypt(&person_key.key, person_key.id.as_bytes(), plaintext)?;
        Ok(Sealed { key_id: person_key.id, data: BASE64_STANDARD.encode(data) })
    }

    /// The same with the key of the person whose order that is; `None` if the log has no such order.
    pub async fn seal_about(
        &self,
        order: OrderId,
        data: &impl Serialize,
    ) -> Result<Option<Sealed>, VaultError> {
        let placed: Option<(Option<String>,)> = sqlx::query_as(
            "SELECT payload ->> 'customer' FROM events
              WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence = 1",
        )
        .bind(Order::KIND)
        .bind(order.to_string())
        .fetch_optional(&self.pool)
        .await?;
        let Some((customer,)) = placed else { return Ok(None) };
        let person = customer.as_deref().map_or(Person::Order(order), Person::Customer);
        self.seal(&person, data).await.map(Some)
    }

    /// Seals what belongs to no person with the master key. `context` says what it is: it can't be opened as anything else.
    pub fn seal_secret(&self, context: &[u8], secret: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        Ok(encrypt(&self.master_key, context, secret)?)
    }

    pub fn open_secret(&self, context: &[u8], sealed: Vec<u8>) -> Result<Vec<u8>, VaultError> {
        Ok(decrypt(&self.master_key, context, sealed)?)
    }

    /// Throws a person's key away, and with it all that is sealed for them, wherever it is.
    pub async fn erase(&self, person: &Person<'_>) -> Result<(), VaultError> {
        let owner = owner(person);
        sqlx::query("DELETE FROM person_keys WHERE owner = $1").bind(&owner).execute(&self.pool).await?;
        if let Some(key) = self.by_owner.remove(&owner) {
            self.by_id.invalidate(&key.id);
        }
        Ok(())
    }

    /// Throws the key of a guest away whose order was not placed. If the log has the order all the same, the key stays.
    pub async fn discard(&self, guest: OrderId) -> Result<(), VaultError> {
        let owner = owner(&Person::Order(guest));
        // A subquery, and no join: that is looked up by the log's primary key, however large the log is.
        sqlx::query(
            "DELETE FROM person_keys WHERE owner = $1
                AND (SELECT sequence FROM events WHERE aggregate_type = $2 AND aggregate_id = $3 LIMIT 1) IS NULL",
        )
        .bind(&owner)
        .bind(Order::KIND)
        .bind(guest.to_string())
        .execute(&self.pool)
        .await?;
        self.by_owner.invalidate(&owner);
        Ok(())
    }

    /// The data, or `None` if the person's key was thrown away.
    pub async fn open<T: DeserializeOwned>(&self, sealed: &Sealed) -> Result<Option<T>, VaultError> {
        self.keys([sealed].into_iter()).await?.open(sealed)
    }

    /// Fails if the stored keys were wrapped by another master key: better at the start than at the
    /// first contact that can't be read.
    pub async fn check_master_key(&self) -> Result<(), VaultError> {
        let row: Option<(Uuid, String, Vec<u8>)> =
            sqlx::query_as("SELECT key_id, owner, wrapped_key FROM person_keys LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
        if let Some((id, owner, wrapped)) = row {
            self.unwrap_key(id, &owner, wrapped)?;
        }
        Ok(())
    }

    /// What opens these, as far as it is there. Takes at most one query.
    pub async fn keys<'a>(&self, sealed: impl Iterator<Item = &'a Sealed>) -> Result<Keys, VaultError> {
        let mut found = HashMap::new();
        let mut missing = Vec::new();
        for id in sealed.map(|sealed| sealed.key_id) {
            match self.by_id.get(&id) {
                Some(key) => drop(found.insert(id, key)),
                None => missing.push(id),
            }
        }
        if missing.is_empty() {
            return Ok(Keys(found));
        }
        let rows: Vec<(Uuid, String, Vec<u8>)> =
            sqlx::query_as("SELECT key_id, owner, wrapped_key FROM person_keys WHERE key_id = ANY($1)")
                .bind(&missing)
                .fetch_all(&self.pool)
                .await?;
        for (id, owner, wrapped) in rows {
            let key = self.unwrap_key(id, &owner, wrapped)?;
            self.by_id.insert(id, key.clone());
            found.insert(id, key);
        }
        Ok(Keys(found))
    }

    async fn key_of(&self, person: &Person<'_>) -> Result<PersonKey, VaultError> {
        let owner = owner(person);
        self.losses.forget(&self.by_owner);
        if let Some(key) = self.by_owner.get(&owner) {
            return Ok(key);
        }
        // A guest's order is new when its contact is sealed, so its key is mostly made without a look.
        let mut key = match person {
            Person::Customer(_) => self.stored_key(&owner).await?,
            Person::Order(_) => None,
        };
        for _ in 0..KEY_ATTEMPTS {
            if key.is_some() {
                break;
            }
            key = match self.new_key(&owner).await? {
                Some(made) => Some(made),
                None => self.stored_key(&owner).await?,
            };
        }
        let key = key.ok_or(VaultError::Contended)?;
        self.by_owner.insert(owner, key.clone());
        Ok(key)
    }

    async fn stored_key(&self, owner: &str) -> Result<Option<PersonKey>, VaultError> {
        let row: Option<(Uuid, Vec<u8>)> =
            sqlx::query_as("SELECT key_id, wrapped_key FROM person_keys WHERE owner = $1")
                .bind(owner)
                .fetch_optional(&self.pool)
                .await?;
        row.map(|(id, wrapped)| self.unwrap_key(id, owner, wrapped)).transpose()
    }

    /// Makes a key, unless another request has just made one.
    async fn new_key(&self, owner: &str) -> Result<Option<PersonKey>, VaultError> {
        let (person_key, wrapped) = self.make_key(owner)?;
        let made = sqlx::query(
            "INSERT INTO person_keys (key_id, owner, wrapped_key) VALUES ($1, $2, $3)
             ON CONFLICT (owner) DO NOTHING",
        )
        .bind(person_key.id)
        .bind(owner)
        .bind(wrapped)
        .execute(&self.pool)
        .await?;
        Ok((made.rows_affected() == 1).then_some(person_key))
    }

    /// A new key and its wrapped form. The id is random, so that it tells nothing of the person.
    fn make_key(&self, owner: &str) -> Result<(PersonKey, Vec<u8>), VaultError> {
        let mut random = [0; 16 + KEY_LEN];
        rand::fill(&mut random)?;
        let (id, key) = random.split_at(16);
        let id = uuid::Builder::from_random_bytes(id.try_into().expect("16 bytes")).into_uuid();
        let wrapped = encrypt(&self.master_key, &wrapping_context(id, owner), key.to_vec())?;
        Ok((PersonKey { id, key: Arc::new(RandomizedNonceKey::new(&AES_256_GCM, key)?) }, wrapped))
    }

    /// Whether the master key opens this key.
    pub(crate) fn unwraps(&self, id: Uuid, owner: &str, wrapped: Vec<u8>) -> bool {
        self.unwrap_key(id, owner, wrapped).is_ok()
    }

    fn unwrap_key(&self, id: Uuid, owner: &str, wrapped: Vec<u8>) -> Result<PersonKey, VaultError> {
        let key = decrypt(&self.master_key, &wrapping_context(id, owner), wrapped)?;
        Ok(PersonKey { id, key: Arc::new(RandomizedNonceKey::new(&AES_256_GCM, &key)?) })
    }
}

impl Losses {
    /// Seen only when all is forgotten: another thread may come in between, and twice does no harm.
    fn forget(&self, keys: &Cache<String, PersonKey>) {
        let Some(counted) = self.counted.get() else { return };
        let now = *counted.borrow();
        if self.seen.load(Ordering::Acquire) != now {
            keys.invalidate_all();
            self.seen.store(now, Ordering::Release);
        }
    }
}

impl Keys {
    /// The data, or `None` if the person's key was thrown away.
    pub fn open<T: DeserializeOwned>(&self, sealed: &Sealed) -> Result<Option<T>, VaultError> {
        self.0.get(&sealed.key_id).map(|key| key.open(sealed)).transpose()
    }
}

impl PersonKey {
    fn open<T: DeserializeOwned>(&self, sealed: &Sealed) -> Result<T, VaultError> {
        let data = BASE64_STANDARD.decode(&sealed.data).map_err(|_| VaultError::NotAuthentic)?;
        let plaintext = decrypt(&self.key, sealed.key_id.as_bytes(), data)?;
        serde_json::from_slice(&plaintext).map_err(|_| VaultError::Shape)
    }
}

/// Entries live from when they were read, however often they are used: else an erasure could be
/// put off for ever.
fn key_memory<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, PersonKey> {
    Cache::builder().max_capacity(REMEMBERED_KEYS).time_to_live(Duration::from_secs(KEY_MEMORY_SECS)).build()
}

/// Binds a wrapped key to its row: it can't be moved to another person's.
fn wrapping_context(id: Uuid, owner: &str) -> Vec<u8> {
    [id.as_bytes(), owner.as_bytes()].concat()
}

/// AES-256-GCM: nonce (96 bits, random), ciphertext, tag.
fn encrypt(key: &RandomizedNonceKey, context: &[u8], mut data: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
    let nonce = key.seal_in_place_append_tag(Aad::from(context), &mut data)?;
    Ok([nonce.as_ref().as_slice(), &data].concat())
}

fn decrypt(key: &RandomizedNonceKey, context: &[u8], mut data: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
    let (nonce, ciphertext) = data.split_at_mut_checked(NONCE_LEN).ok_or(Unspecified)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce)?;
    let plaintext = key.open_in_place(nonce, Aad::from(context), ciphertext)?;
    Ok(plaintext.to_vec())
}
