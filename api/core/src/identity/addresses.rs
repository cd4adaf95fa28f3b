//! Which account an e-mail address belongs to: by a keyed hash of it, so the table tells no address.
//!
//! An address is claimed when it is verified, never before: many may register with it, one can show that it is theirs.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{contact::Email, text::folded};
use sqlx::{PgPool, Postgres, Transaction};

use super::secrets::{ATTEMPTS, Current, SecretKey, SecretKind, Secrets};
use crate::vault::VaultError;

/// How long a claim waits for its account to say so in the log.
const CLAIM_WAITS: TimeDelta = TimeDelta::minutes(10);

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is this account's, until it is confirmed or for a while.
    Made,
    /// It is another account's. One that was never confirmed in time can be taken, if that account's stream agrees.
    Of { account: String, is_confirmed: bool, has_lapsed: bool },
}

pub struct Addresses {
    pool: PgPool,
    secrets: Arc<Secrets>,
}

/// A transaction in which this is the address's hash, and stays it.
struct Written<'a> {
    transaction: Transaction<'a, Postgres>,
    key_id: Arc<str>,
    blind: Vec<u8>,
}

impl Addresses {
    pub fn new(pool: PgPool, secrets: Arc<Secrets>) -> Self {
        Self { pool, secrets }
    }

    /// The account that has confirmed or claimed this address. The same work whether there is one or not.
    pub async fn owner(&self, email: &Email) -> Result<Option<String>, VaultError> {
        for _ in 0..ATTEMPTS {
            let (key_id, blind) = self.blind(email);
            let (account, newest): (Option<String>, Option<String>) = sqlx::query_as(
                "SELECT (SELECT account FROM email_claims WHERE blind = $1),
                        (SELECT id FROM secret_keys WHERE kind = 'index' AND retired_at IS NULL
                          ORDER BY created_at DESC, id DESC LIMIT 1)",
            )
            .bind(&blind)
            .fetch_one(&self.pool)
            .await?;
            if newest.as_deref() == Some(&*key_id) {
                return Ok(account);
            }
            self.secrets.read().await?;
        }
        Err(VaultError::Contended)
    }

    /// Claims it for this account, unless another one has it.
    pub async fn claim(&self, email: &Email, account: &str, now: DateTime<Utc>) -> Result<Claim, VaultError> {
        for _ in 0..ATTEMPTS {
            let Written { mut transaction, key_id, blind } = self.begin(email).await?;
            sqlx::query(
                "INSERT INTO email_claims (blind, account, key_id, until) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (blind) DO NOTHING",
            )
            .bind(&blind)
            .bind(account)
            .bind(&*key_id)
            .bind(now + CLAIM_WAITS)
            .execute(&mut *transaction)
            .await?;
            let row: Option<(String, Option<DateTime<Utc>>)> =
                sqlx::query_as("SELECT account, until FROM email_claims WHERE blind = $1")
                    .bind(&blind)
                    .fetch_optional(&mut *transaction)
                    .await?;
            transaction.commit().await?;
            match row {
                Some((owner, _)) if owner == account => return Ok(Claim::Made),
                Some((account, until)) => {
                    let has_lapsed = until.is_some_and(|until| until <= now);
                    return Ok(Claim::Of { account, is_confirmed: until.is_none(), has_lapsed });
                }
                // The claim that was in the way was given up meanwhile.
                None => {}
            }
        }
        Err(VaultError::Contended)
    }

    /// The account's stream says that the address is its own: the claim stays, and others of that account go.
    pub async fn confirm(&self, email: &Email, account: &str) -> Result<(), VaultError> {
        let Written { mut transaction, blind, .. } = self.begin(email).await?;
        sqlx::query("UPDATE email_claims SET until = NULL WHERE blind = $1 AND account = $2")
            .bind(&blind)
            .bind(account)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM email_claims WHERE account = $2 AND blind <> $1 AND until IS NULL")
            .bind(&blind)
            .bind(account)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Gives up a claim that was never confirmed, or that `account` has not any more.
    pub async fn release(&self, email: &Email, account: &str) -> Result<(), VaultError> {
        let Written { mut transaction, blind, .. } = self.begin(email).await?;
        sqlx::query("DELETE FROM email_claims WHERE blind = $1 AND account = $2")
            .bind(&blind)
            .bind(account)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn begin(&self, email: &Email) -> Result<Written<'_>, VaultError> {
        let Current { transaction, key } = self.secrets.current(SecretKind::Index).await?;
        let blind = blind(&key, email);
        Ok(Written { transaction, key_id: key.id, blind })
    }

    /// All claims of an account that has left.
    pub async fn release_all(&self, account: &str) -> Result<(), VaultError> {
        sqlx::query("DELETE FROM email_claims WHERE account = $1").bind(account).execute(&self.pool).await?;
        Ok(())
    }

    /// What budgets of log-ins count by: the same in every process, and nothing that says whose address it is.
    pub fn mark(&self, email: &Email) -> [u8; 32] {
        self.secrets.newest(SecretKind::Index).sign(normal(email).as_bytes())
    }

    /// The key's id, and the keyed hash.
    fn blind(&self, email: &Email) -> (Arc<str>, Vec<u8>) {
        let key = self.secrets.newest(SecretKind::Index);
        let hash = blind(&key, email);
        (key.id, hash)
    }
}

/// The hash of an address by this key.
pub fn blind(key: &SecretKey, email: &Email) -> Vec<u8> {
    key.sign(normal(email).as_bytes()).to_vec()
}

/// Two spellings of one address are the same if they differ in case or in compatibility forms. Dots and what stands
/// behind a plus sign are the mail server's business.
fn normal(email: &Email) -> String {
    folded(email.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_no_difference_and_anything_else_is() {
        let normal = |text: &str| normal(&Email::try_from(text.to_owned()).expect("an address"));
        assert_eq!(normal("Alice@Example.COM"), normal("alice@example.com"));
        assert_eq!(normal("JÖRG@exämple.de"), normal("jörg@EXÄMPLE.de"));
        assert_ne!(normal("a.lice@example.com"), normal("alice@example.com"));
        assert_ne!(normal("alice+shop@example.com"), normal("alice@example.com"));
    }
}
