//! Keys that values are computed with: refresh tokens, links in mails, the index of e-mail addresses and of people at other
//! issuers. Each is random,
//! wrapped by the master key, and named by whatever is made with it, so a new one can come while the old one goes on
//! opening what it has made.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use aws_lc_rs::{
    constant_time, hmac,
    rand::{SecureRandom, SystemRandom},
};
use daybook_domain::words;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::{
    metrics::KEY_MADE,
    vault::{Vault, VaultError},
};

const KEY_LEN: usize = 32;
const UNPOISONED: &str = "nobody panics while holding this lock";

words! {
    /// What is computed with a key.
    pub enum SecretKind {
        Refresh = "refresh",
        Link = "link",
        Index = "index",
    }
}

/// A key, and the name that values made with it have in them.
#[derive(Clone)]
pub struct SecretKey {
    pub id: Arc<str>,
    key: hmac::Key,
}

impl SecretKey {
    pub fn sign(&self, message: &[u8]) -> [u8; 32] {
        let tag = hmac::sign(&self.key, message);
        tag.as_ref().try_into().expect("HMAC-SHA-256 has 32 bytes")
    }

    /// Takes as long for any tag.
    pub fn has_signed(&self, message: &[u8], tag: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.sign(message), tag).is_ok()
    }
}

/// All keys that this process knows.
pub struct Secrets {
    pool: PgPool,
    vault: Vault,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<(SecretKind, Arc<str>), SecretKey>,
    newest: HashMap<SecretKind, SecretKey>,
}

/// A transaction in which new values are made with this key, and stay so.
pub struct Current<'a> {
    pub transaction: Transaction<'a, Postgres>,
    pub key: SecretKey,
}

/// A key that is not stored yet.
pub struct NewKey {
    kind: SecretKind,
    pub key: SecretKey,
    wrapped: Vec<u8>,
}

/// How often a key that was replaced meanwhile is looked for.
pub const ATTEMPTS: u32 = 3;

/// Its id, its kind, the wrapped key, whether it is not retired, and when it was made, seconds since 1970.
type Row = (String, String, Vec<u8>, bool, i64);

const READ: &str = "SELECT id, kind, wrapped_key, retired_at IS NULL, extract(epoch FROM created_at)::bigint
       FROM secret_keys ORDER BY created_at, id";

/// A retired key is kept for so long at least: a process that has not heard of the new one may still use it.
const RETIRED_KEPT_S: f64 = 86_400.0;
/// A session may have a refresh token of any key that was there in its time.
const FORGET_RETIRED: &str = "DELETE FROM secret_keys k
      WHERE retired_at < statement_timestamp() - make_interval(secs => $1)
        AND NOT CASE kind
              WHEN 'link' THEN EXISTS (SELECT FROM links WHERE key_id = k.id)
              WHEN 'index' THEN EXISTS (SELECT FROM email_claims WHERE key_id = k.id)
                             OR EXISTS (SELECT FROM outside_identities WHERE key_id = k.id)
              ELSE EXISTS (SELECT FROM sessions
                            WHERE created_at < k.retired_at + make_interval(secs => $1)
                              AND until > statement_timestamp() AND ended_at IS NULL) END";

impl Secrets {
    /// With what is stored, and a key of each kind that there is none of.
    pub async fn open(pool: PgPool, vault: Vault) -> Result<Self, VaultError> {
        let secrets = Self { pool, vault, known: RwLock::default() };
        secrets.read().await?;
        for kind in SecretKind::ALL {
            if !secrets.has_newest(kind) {
                secrets.make_first(kind).await?;
            }
        }
        secrets.read().await?;
        Ok(secrets)
    }

    /// The key that new values are made with.
    ///
    /// # Panics
    /// It panics if there is none, which [`open`](Self::open) has made sure of.
    pub fn newest(&self, kind: SecretKind) -> SecretKey {
        let known = self.known.read().expect(UNPOISONED);
        known.newest.get(&kind).expect("there is a key of each kind").clone()
    }

    /// The key of this name. One that another process has just made is looked for in the database.
    pub async fn find(&self, kind: SecretKind, id: &str) -> Result<Option<SecretKey>, VaultError> {
        if let Some(key) = self.known(kind, id) {
            return Ok(Some(key));
        }
        if !is_id(id) {
            return Ok(None);
        }
        self.read().await?;
        Ok(self.known(kind, id))
    }

    /// Reads all keys again.
    pub async fn read(&self) -> Result<(), VaultError> {
        let rows: Vec<Row> = sqlx::query_as(READ).fetch_all(&self.pool).await?;
        let mut known = Known::default();
        for (id, kind, wrapped, is_current, made) in rows {
            let Ok(word) = kind.parse::<SecretKind>() else { continue };
            let key = self.vault.open_secret(&context(&kind, &id), wrapped)?;
            let key = SecretKey { id: id.into(), key: hmac::Key::new(hmac::HMAC_SHA256, &key) };
            if is_current {
                KEY_MADE.with_label_values(&[word.as_str()]).set(made);
                known.newest.insert(word, key.clone());
            }
            known.by_id.insert((word, key.id.clone()), key);
        }
        *self.known.write().expect(UNPOISONED) = known;
        Ok(())
    }

    /// Makes a key that is not stored yet.
    pub fn make(&self, kind: SecretKind) -> Result<NewKey, VaultError> {
        let (name, key) = (random::<4>(), random::<KEY_LEN>());
        let id: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let wrapped = self.vault.seal_secret(&context(kind.as_str(), &id), key.to_vec())?;
        let key = SecretKey { id: id.into(), key: hmac::Key::new(hmac::HMAC_SHA256, &key) };
        Ok(NewKey { kind, key, wrapped })
    }

    /// Stores a key, with which new values are made from now on, and retires the others of its kind: they go on opening
    /// what they have made. One of several processes that do so at the same time waits for the other.
    pub async fn succeed(&self, connection: &mut PgConnection, new: &NewKey) -> Result<(), VaultError> {
        sqlx::query("LOCK TABLE secret_keys IN SHARE ROW EXCLUSIVE MODE").execute(&mut *connection).await?;
        store(connection, new).await?;
        sqlx::query(
            "UPDATE secret_keys SET retired_at = clock_timestamp()
              WHERE kind = $1 AND id <> $2 AND retired_at IS NULL",
        )
        .bind(new.kind.as_str())
        .bind(&*new.key.id)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Begins a transaction that holds the newest key of this kind.
    pub async fn current(&self, kind: SecretKind) -> Result<Current<'_>, VaultError> {
        for _ in 0..ATTEMPTS {
            let key = self.newest(kind);
            let mut transaction = self.pool.begin().await?;
            if self.is_current(&mut transaction, &key.id).await? {
                return Ok(Current { transaction, key });
            }
            drop(transaction);
            self.read().await?;
        }
        Err(VaultError::Contended)
    }

    /// Whether new values are made with this key. It stays so until the transaction ends.
    async fn is_current(&self, connection: &mut PgConnection, id: &str) -> Result<bool, VaultError> {
        let found = sqlx::query("SELECT FROM secret_keys WHERE id = $1 AND retired_at IS NULL FOR SHARE")
            .bind(id)
            .fetch_optional(connection)
            .await?;
        Ok(found.is_some())
    }

    /// Throws retired keys away that nothing is left to be opened with.
    pub async fn forget_retired(&self) -> Result<(), VaultError> {
        sqlx::query(FORGET_RETIRED).bind(RETIRED_KEPT_S).execute(&self.pool).await?;
        Ok(())
    }

    /// One of several processes that start at the same time makes it.
    async fn make_first(&self, kind: SecretKind) -> Result<(), VaultError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("LOCK TABLE secret_keys IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
        let exists: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM secret_keys WHERE kind = $1 AND retired_at IS NULL)",
        )
        .bind(kind.as_str())
        .fetch_one(&mut *transaction)
        .await?;
        if !exists {
            store(&mut transaction, &self.make(kind)?).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    fn has_newest(&self, kind: SecretKind) -> bool {
        self.known.read().expect(UNPOISONED).newest.contains_key(&kind)
    }

    fn known(&self, kind: SecretKind, id: &str) -> Option<SecretKey> {
        self.known.read().expect(UNPOISONED).by_id.get(&(kind, id.into())).cloned()
    }
}

async fn store(
    connection: &mut PgConnection,
    NewKey { kind, key, wrapped }: &NewKey,
) -> Result<(), VaultError> {
    sqlx::query("INSERT INTO secret_keys (id, kind, wrapped_key) VALUES ($1, $2, $3)")
        .bind(&*key.id)
        .bind(kind.as_str())
        .bind(wrapped)
        .execute(connection)
        .await?;
    Ok(())
}

/// Binds a wrapped key to its row.
pub(crate) fn context(kind: &str, id: &str) -> Vec<u8> {
    format!("secret_keys/{kind}/{id}").into_bytes()
}

fn is_id(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c))
}

/// Random bytes.
///
/// # Panics
/// It panics if the machine has none.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the machine's random numbers are available");
    bytes
}
