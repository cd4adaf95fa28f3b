//! Log-ins that have begun at another issuer. What is remembered of one goes out sealed, and comes back from the same
//! browser only; so who begins many fills no table. An attempt that was answered is written down, because it is good for
//! one answer.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::account::ProviderName;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use url::Url;
use uuid::Uuid;

use crate::{
    auth::relying_party::Attempt,
    vault::{Vault, VaultError},
};

/// How long an attempt waits for its answer, and then for the code of a second factor.
pub const LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// Binds what is sealed to its use.
const CONTEXT: &[u8] = b"outside_attempts";
/// One that is sealed has far less.
const MAX_CHARS: usize = 4_096;

/// Where an attempt was begun, and so where its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    Pages,
    FrontEnd,
}

/// What the person wants of the other issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    LogIn,
    /// To log in to this account as that person from now on, too. A session of its owner wanted it.
    Link {
        account: String,
        session: Option<Uuid>,
    },
}

/// An attempt that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    pub id: Uuid,
    pub provider: ProviderName,
    pub place: Place,
    pub wish: Wish,
    pub attempt: Attempt,
    pub until: DateTime<Utc>,
}

/// Where the person is sent, and what comes back with them.
#[derive(Debug)]
pub struct Departure {
    pub url: Url,
    /// To be kept where no other browser has it.
    pub attempt: String,
    pub until: DateTime<Utc>,
}

pub struct Attempts {
    pool: PgPool,
    vault: Vault,
}

impl Attempts {
    pub fn new(pool: PgPool, vault: Vault) -> Self {
        Self { pool, vault }
    }

    pub fn seal(&self, begun: &Begun) -> Result<String, VaultError> {
        let plain = serde_json::to_vec(begun).map_err(|_| VaultError::Shape)?;
        Ok(URL_SAFE_NO_PAD.encode(self.vault.seal_secret(CONTEXT, plain)?))
    }

    /// `None` if it was not sealed here, or too long ago.
    pub fn open(&self, sealed: &str, now: DateTime<Utc>) -> Option<Begun> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).ok().filter(|_| sealed.len() <= MAX_CHARS)?;
        let plain = self.vault.open_secret(CONTEXT, sealed).ok()?;
        let begun: Begun = serde_json::from_slice(&plain).ok()?;
        (now < begun.until).then_some(begun)
    }

    /// Whether this is its first answer. It gets no other.
    pub async fn use_up(&self, begun: &Begun) -> Result<bool, VaultError> {
        let used =
            sqlx::query("INSERT INTO outside_attempts (id, until) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(begun.id)
                .bind(begun.until)
                .execute(&self.pool)
                .await?;
        Ok(used.rows_affected() == 1)
    }

    /// It has come to this account, which needs a code, too.
    pub async fn await_code(&self, begun: &Begun, account: &str) -> Result<(), VaultError> {
        sqlx::query("UPDATE outside_attempts SET account = $2 WHERE id = $1")
            .bind(begun.id)
            .bind(account)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The account whose code is still to come.
    pub async fn awaited(&self, begun: &Begun) -> Result<Option<String>, VaultError> {
        let account: Option<Option<String>> =
            sqlx::query_scalar("SELECT account FROM outside_attempts WHERE id = $1")
                .bind(begun.id)
                .fetch_optional(&self.pool)
                .await?;
        Ok(account.flatten())
    }

    /// The code has come. Whether it is the first one that did.
    pub async fn has_come(&self, begun: &Begun) -> Result<bool, VaultError> {
        let come =
            sqlx::query("UPDATE outside_attempts SET account = NULL WHERE id = $1 AND account IS NOT NULL")
                .bind(begun.id)
                .execute(&self.pool)
                .await?;
        Ok(come.rows_affected() == 1)
    }
}
