//! Keys that others succeed. What was computed with the old one goes on being good; only the index of addresses is computed
//! anew, because nothing in it can be looked up with two keys.

use std::collections::HashMap;

use daybook_domain::contact::Email;

use super::{
    addresses::blind,
    error::IdentityError,
    opening::Identity,
    secrets::{SecretKey, SecretKind},
};

/// How long it waits until nothing else writes to what it locks.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '10s'";
const READ: &str = "SELECT blind, account, key_id FROM email_claims";

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The name of the new key.
    pub id: String,
    /// How many hashes of addresses are computed with it.
    pub computed: u64,
    /// How many are gone: their accounts don't say the address any more.
    pub dropped: u64,
}

/// A row of the index: the hash, the account, and the key of the hash.
type Row = (Vec<u8>, String, String);
/// The new hash for each old one; `None` where its account doesn't say the address.
type Computed = HashMap<Vec<u8>, Option<Vec<u8>>>;

impl Identity {
    /// Makes a key with which new values of this kind are computed. Servers that run take it within a minute, for the index
    /// of addresses at once.
    ///
    /// # Errors
    /// The database or a person's key can't be reached, or accounts are verified all the time: then nothing has changed.
    pub async fn rotate(&self, kind: SecretKind) -> Result<Rotated, IdentityError> {
        let pool = &self.shared.pool;
        let new = self.secrets.make(kind)?;
        let mut computed = Computed::new();
        if kind == SecretKind::Index {
            // Most of the work is done before others have to wait.
            let rows: Vec<Row> = sqlx::query_as(READ).fetch_all(pool).await?;
            self.compute(rows, &new.key, &mut computed).await?;
        }
        let mut transaction = pool.begin().await?;
        sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
        self.secrets.succeed(&mut transaction, &new).await?;
        let (mut kept, mut dropped) = ((Vec::new(), Vec::new()), Vec::new());
        if kind == SecretKind::Index {
            sqlx::query("LOCK TABLE email_claims IN EXCLUSIVE MODE").execute(&mut *transaction).await?;
            let rows: Vec<Row> = sqlx::query_as(READ).fetch_all(&mut *transaction).await?;
            let old: Vec<_> = rows.iter().map(|(old, ..)| old.clone()).collect();
            self.compute(rows, &new.key, &mut computed).await?;
            for old in old {
                match computed.remove(&old).flatten() {
                    Some(new) => {
                        kept.0.push(old);
                        kept.1.push(new);
                    }
                    None => dropped.push(old),
                }
            }
            sqlx::query("DELETE FROM email_claims WHERE blind = ANY ($1)")
                .bind(&dropped)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "UPDATE email_claims c SET blind = n.new, key_id = $3
                   FROM unnest($1::bytea[], $2::bytea[]) AS n (old, new) WHERE c.blind = n.old",
            )
            .bind(&kept.0)
            .bind(&kept.1)
            .bind(&*new.key.id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        self.secrets.read().await?;
        let count = |all: &Vec<Vec<u8>>| all.len() as u64;
        Ok(Rotated { id: new.key.id.to_string(), computed: count(&kept.1), dropped: count(&dropped) })
    }

    /// Computes what of these rows isn't computed yet.
    async fn compute(
        &self,
        rows: Vec<Row>,
        new: &SecretKey,
        computed: &mut Computed,
    ) -> Result<(), IdentityError> {
        for (old, account, key_id) in rows {
            if computed.contains_key(&old) {
                continue;
            }
            let key = self.secrets.find(SecretKind::Index, &key_id).await?;
            let found = match key {
                Some(key) => self.said(&account, &key, &old).await?,
                None => None,
            };
            computed.insert(old, found.map(|email| blind(new, &email)));
        }
        Ok(())
    }

    /// The address of this hash, if the account has it or is about to.
    async fn said(
        &self,
        account: &str,
        key: &SecretKey,
        hash: &[u8],
    ) -> Result<Option<Email>, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.load(account).await?;
        let Some(details) = loaded.account.details() else { return Ok(None) };
        for (_, sealed) in [&details.verified, &details.pending].into_iter().flatten() {
            let opened: Option<Email> = shared.open(sealed).await?;
            if let Some(email) = opened.filter(|email| blind(key, email) == hash) {
                return Ok(Some(email));
            }
        }
        Ok(None)
    }
}
