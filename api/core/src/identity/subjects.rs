//! Which account someone belongs to whom another issuer knows: by a keyed hash of issuer and subject, so the table tells
//! neither. Both are kept sealed with their owner's key, too, so that the hash can be computed with another key.
//!
//! A row is worth nothing until its account's stream names its id. One that no account names is taken over under a new id,
//! so an account that is about to name the old one names nothing.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_domain::sealed::{Person, Sealed};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

use super::secrets::{ATTEMPTS, Current, SecretKey, SecretKind, Secrets};
use crate::{
    auth::relying_party::Identity,
    vault::{Vault, VaultError},
};

/// Whom an issuer knows someone as. It is stored sealed only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subject {
    pub issuer: String,
    pub subject: String,
    /// What the issuer said when it was linked, for its owner to recognise it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// A row, which its account may name or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: Uuid,
    pub account: String,
}

/// A row as its owner sees it.
pub struct Seen {
    pub id: Uuid,
    pub linked_at: DateTime<Utc>,
    /// `None` if its owner has left just now.
    pub subject: Option<Subject>,
}

pub struct Subjects {
    pool: PgPool,
    secrets: Arc<Secrets>,
    vault: Vault,
}

impl From<&Identity> for Subject {
    fn from(identity: &Identity) -> Self {
        let Identity { issuer, subject, email, .. } = identity.clone();
        Self { issuer, subject, email }
    }
}

impl Subject {
    /// The hash by this key. No e-mail address has such a text, and no issuer has the end of a line.
    pub fn blind(&self, key: &SecretKey) -> Vec<u8> {
        key.sign(format!("subject\n{}\n{}", self.issuer, self.subject).as_bytes()).to_vec()
    }
}

impl Subjects {
    pub fn new(pool: PgPool, secrets: Arc<Secrets>, vault: Vault) -> Self {
        Self { pool, secrets, vault }
    }

    pub async fn find(&self, subject: &Subject) -> Result<Option<Row>, VaultError> {
        for _ in 0..ATTEMPTS {
            let key = self.secrets.newest(SecretKind::Index);
            let (id, account, newest): (Option<Uuid>, Option<String>, Option<String>) = sqlx::query_as(
                "SELECT i.id, i.account, k.id
                   FROM (SELECT (SELECT id FROM secret_keys WHERE kind = 'index' AND retired_at IS NULL
                                  ORDER BY created_at DESC, id DESC LIMIT 1) AS id) k
                   LEFT JOIN outside_identities i ON i.blind = $1",
            )
            .bind(subject.blind(&key))
            .fetch_one(&self.pool)
            .await?;
            if newest.as_deref() == Some(&*key.id) {
                return Ok(id.zip(account).map(|(id, account)| Row { id, account }));
            }
            self.secrets.read().await?;
        }
        Err(VaultError::Contended)
    }

    /// The row of this subject: `new`, unless there is another one than `former`, which no account names.
    pub async fn keep(&self, subject: &Subject, former: Option<&Row>, new: &Row) -> Result<Row, VaultError> {
        let sealed = self.vault.seal(&Person::Customer(&new.account), subject).await?;
        let Current { mut transaction, key } = self.secrets.current(SecretKind::Index).await?;
        let blind = subject.blind(&key);
        sqlx::query(
            "INSERT INTO outside_identities AS i (blind, id, account, key_id, subject) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (blind) DO UPDATE
                SET id = $2, account = $3, key_id = $4, subject = $5, created_at = clock_timestamp()
              WHERE i.id = $6",
        )
        .bind(&blind)
        .bind(new.id)
        .bind(&new.account)
        .bind(&*key.id)
        .bind(Json(&sealed))
        .bind(former.map(|row| row.id))
        .execute(&mut *transaction)
        .await?;
        let (id, account) = sqlx::query_as("SELECT id, account FROM outside_identities WHERE blind = $1")
            .bind(&blind)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Row { id, account })
    }

    /// All rows of an account, the oldest first.
    pub async fn of(&self, account: &str) -> Result<Vec<Seen>, VaultError> {
        let rows: Vec<(Uuid, DateTime<Utc>, Json<Sealed>)> = sqlx::query_as(
            "SELECT id, created_at, subject FROM outside_identities WHERE account = $1 ORDER BY created_at, id",
        )
        .bind(account)
        .fetch_all(&self.pool)
        .await?;
        let keys = self.vault.keys(rows.iter().map(|(.., sealed)| &sealed.0)).await?;
        let seen = |(id, linked_at, sealed): (Uuid, DateTime<Utc>, Json<Sealed>)| {
            Ok(Seen { id, linked_at, subject: keys.open(&sealed.0)? })
        };
        rows.into_iter().map(seen).collect()
    }

    /// The account does not name this row any more.
    pub async fn forget(&self, id: Uuid, account: &str) -> Result<(), VaultError> {
        sqlx::query("DELETE FROM outside_identities WHERE id = $1 AND account = $2")
            .bind(id)
            .bind(account)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
