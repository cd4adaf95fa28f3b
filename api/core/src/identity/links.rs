//! Links in mails: each is good once and for a while. What makes one good is computed from its row and a key, so the
//! rows open nothing, and a mail that is sent again has the same link.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::words;
use sqlx::PgPool;
use std::sync::Arc;
use uuid::Uuid;

use super::secrets::{SecretKey, SecretKind, Secrets};
use crate::vault::VaultError;

/// What the tokens in links begin with.
const PREFIX: &str = "dlt_";

words! {
    /// What can be done with a link.
    pub enum Purpose {
        /// To show that an e-mail address is one's own.
        Address = "address",
        /// To choose a new password.
        Reset = "reset",
        /// To make a guest's order one's own.
        Claim = "claim",
    }
}

/// A link that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub id: Uuid,
    pub account: String,
    /// What it is about: the id of an address, or of an order.
    pub subject: String,
}

#[derive(Clone)]
pub struct Links {
    pool: PgPool,
    secrets: Arc<Secrets>,
}

type Row = (String, String, String);

impl Links {
    pub fn new(pool: PgPool, secrets: Arc<Secrets>) -> Self {
        Self { pool, secrets }
    }

    /// The token of this link, which is made if it isn't there.
    pub async fn make(
        &self,
        link: &Link,
        purpose: Purpose,
        now: DateTime<Utc>,
        lifetime: TimeDelta,
    ) -> Result<String, VaultError> {
        let newest = self.secrets.newest(SecretKind::Link);
        sqlx::query(
            "INSERT INTO links (id, purpose, account, subject, key_id, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(link.id)
        .bind(purpose.as_str())
        .bind(&link.account)
        .bind(&link.subject)
        .bind(&*newest.id)
        .bind(now + lifetime)
        .execute(&self.pool)
        .await?;
        let key_id: String = sqlx::query_scalar("SELECT key_id FROM links WHERE id = $1")
            .bind(link.id)
            .fetch_one(&self.pool)
            .await?;
        let key = self.secrets.find(SecretKind::Link, &key_id).await?.ok_or(VaultError::NotAuthentic)?;
        Ok(token(&key, link, purpose))
    }

    /// The link that this is the token of, if it is good for that.
    pub async fn open(
        &self,
        token: &str,
        purpose: Purpose,
        now: DateTime<Utc>,
    ) -> Result<Option<Link>, VaultError> {
        let Some((key_id, id, tag)) = parts(token) else { return Ok(None) };
        let row: Option<Row> = sqlx::query_as(
            "SELECT account, subject, key_id FROM links
              WHERE id = $1 AND purpose = $2 AND expires_at > $3 AND used_at IS NULL",
        )
        .bind(id)
        .bind(purpose.as_str())
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        let Some((account, subject, _)) = row.filter(|(.., made_with)| made_with == key_id) else {
            return Ok(None);
        };
        let link = Link { id, account, subject };
        let key = self.secrets.find(SecretKind::Link, key_id).await?;
        Ok(key.is_some_and(|key| key.has_signed(&message(&link, purpose), &tag)).then_some(link))
    }

    /// Whether this is its first use. It has no other.
    pub async fn use_up(&self, link: &Link, now: DateTime<Utc>) -> Result<bool, VaultError> {
        let used = sqlx::query("UPDATE links SET used_at = $2 WHERE id = $1 AND used_at IS NULL")
            .bind(link.id)
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(used.rows_affected() == 1)
    }

    /// Links of this account are good for nothing any more.
    pub async fn withdraw(
        &self,
        account: &str,
        purpose: Purpose,
        now: DateTime<Utc>,
    ) -> Result<(), VaultError> {
        sqlx::query("UPDATE links SET used_at = $3 WHERE account = $1 AND purpose = $2 AND used_at IS NULL")
            .bind(account)
            .bind(purpose.as_str())
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn token(key: &SecretKey, link: &Link, purpose: Purpose) -> String {
    let tag = URL_SAFE_NO_PAD.encode(key.sign(&message(link, purpose)));
    format!("{PREFIX}{}_{}_{tag}", key.id, link.id.simple())
}

/// The id of the key, the id of the link, and what was computed.
fn parts(token: &str) -> Option<(&str, Uuid, Vec<u8>)> {
    let (key, rest) = token.trim().strip_prefix(PREFIX)?.split_once('_')?;
    let (id, tag) = rest.split_once('_')?;
    Some((key, Uuid::try_parse(id).ok()?, URL_SAFE_NO_PAD.decode(tag).ok()?))
}

fn message(link: &Link, purpose: Purpose) -> Vec<u8> {
    format!("{}\n{purpose}\n{}\n{}", link.id, link.account, link.subject).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_none_has_no_parts() {
        let id = Uuid::from_u128(7).simple().to_string();
        let good = format!("{PREFIX}0a1b2c3d_{id}_AAAA");
        assert_eq!(parts(&good), Some(("0a1b2c3d", Uuid::from_u128(7), vec![0; 3])));
        for bad in ["", "dlt_", "dlt_a", "dlt_a_b", "dlt_a_b_c", &good[1..], &format!("{good}!")] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_link_is_good_for_its_own_purpose_and_account_only() {
        let link =
            |account: &str| Link { id: Uuid::from_u128(7), account: account.into(), subject: "s".into() };
        let of_address = message(&link("acc_a"), Purpose::Address);
        assert_ne!(of_address, message(&link("acc_a"), Purpose::Reset));
        assert_ne!(of_address, message(&link("acc_b"), Purpose::Address));
    }
}
