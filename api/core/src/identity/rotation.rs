//! Keys that others succeed. What was computed with the old one goes on being good; only the index of addresses, and of people
//! at other issuers, is computed anew, because nothing in it can be looked up with two keys.

use std::collections::HashMap;

use daybook_domain::{contact::Email, sealed::Sealed};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::{
    addresses::blind,
    error::IdentityError,
    opening::Identity,
    secrets::{SecretKey, SecretKind},
    subjects::Subject,
};

/// How long it waits until nothing else writes to what it locks.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '10s'";
const READ: &str = "SELECT blind, account, key_id FROM email_claims";

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The name of the new key.
    pub id: String,
    /// How many hashes of addresses, and of people at other issuers, are computed with it.
    pub computed: u64,
    /// How many are gone: their accounts don't say the address any more.
    pub dropped: u64,
}

/// A row of the index: the hash, the account, and the key of the hash.
type Row = (Vec<u8>, String, String);
/// The new hash for each old one.
type Hashes = HashMap<Vec<u8>, Vec<u8>>;

impl Identity {
    /// Makes a key with which new values of this kind are computed. Servers that run take it within a minute, for the index
    /// of addresses at once.
    ///
    /// # Errors
    /// The database or a person's key can't be reached, or accounts are verified all the time: then nothing has changed.
    pub async fn rotate(&self, kind: SecretKind) -> Result<Rotated, IdentityError> {
        let pool = &self.shared.pool;
        let new = self.secrets.make(kind)?;
        let mut hashes = Hashes::new();
        if kind == SecretKind::Index {
            // Most of the work is done before others have to wait.
            let rows: Vec<Row> = sqlx::query_as(READ).fetch_all(pool).await?;
            self.compute(&rows, &new.key, &mut hashes).await?;
        }
        let mut transaction = pool.begin().await?;
        sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
        // Keys come first, the index second, as for those who write to it: else each would wait for the other.
        self.secrets.succeed(&mut transaction, &new).await?;
        let (computed, dropped) = match kind {
            SecretKind::Index => {
                let addresses = self.reindex(&mut transaction, &new.key, hashes).await?;
                let subjects = self.reindex_subjects(&mut transaction, &new.key).await?;
                (addresses.0 + subjects.0, addresses.1 + subjects.1)
            }
            SecretKind::Refresh | SecretKind::Link => (0, 0),
        };
        transaction.commit().await?;
        Ok(Rotated { id: new.key.id.to_string(), computed, dropped })
    }

    /// Writes the index with the new key. How many hashes were computed, and how many are gone.
    async fn reindex(
        &self,
        connection: &mut PgConnection,
        new: &SecretKey,
        mut hashes: Hashes,
    ) -> Result<(u64, u64), IdentityError> {
        sqlx::query("LOCK TABLE email_claims IN EXCLUSIVE MODE").execute(&mut *connection).await?;
        let rows: Vec<Row> = sqlx::query_as(READ).fetch_all(&mut *connection).await?;
        self.compute(&rows, new, &mut hashes).await?;
        let (old, hashes): (Vec<_>, Vec<_>) = hashes.into_iter().unzip();
        let computed = sqlx::query(
            "UPDATE email_claims c SET blind = n.new, key_id = $3
               FROM unnest($1::bytea[], $2::bytea[]) AS n (old, new) WHERE c.blind = n.old",
        )
        .bind(old)
        .bind(hashes)
        .bind(&*new.id)
        .execute(&mut *connection)
        .await?;
        let dropped = sqlx::query("DELETE FROM email_claims WHERE key_id <> $1")
            .bind(&*new.id)
            .execute(connection)
            .await?;
        Ok((computed.rows_affected(), dropped.rows_affected()))
    }

    /// The same for people at other issuers. Each of these rows has what its hash is computed from, so it takes little time.
    async fn reindex_subjects(
        &self,
        connection: &mut PgConnection,
        new: &SecretKey,
    ) -> Result<(u64, u64), IdentityError> {
        sqlx::query("LOCK TABLE outside_identities IN EXCLUSIVE MODE").execute(&mut *connection).await?;
        let rows: Vec<(Uuid, Json<Sealed>)> =
            sqlx::query_as("SELECT id, subject FROM outside_identities").fetch_all(&mut *connection).await?;
        let keys = self.shared.vault.keys(rows.iter().map(|(_, sealed)| &sealed.0)).await?;
        let mut hashes = (Vec::new(), Vec::new());
        for (id, Json(sealed)) in &rows {
            let subject: Option<Subject> = keys.open(sealed)?;
            if let Some(subject) = subject {
                hashes.0.push(*id);
                hashes.1.push(subject.blind(new));
            }
        }
        let computed = sqlx::query(
            "UPDATE outside_identities i SET blind = n.new, key_id = $3
               FROM unnest($1::uuid[], $2::bytea[]) AS n (id, new) WHERE i.id = n.id",
        )
        .bind(hashes.0)
        .bind(hashes.1)
        .bind(&*new.id)
        .execute(&mut *connection)
        .await?;
        let dropped = sqlx::query("DELETE FROM outside_identities WHERE key_id <> $1")
            .bind(&*new.id)
            .execute(connection)
            .await?;
        Ok((computed.rows_affected(), dropped.rows_affected()))
    }

    /// Adds the hashes of these rows that aren't there yet, where the account says the address.
    async fn compute(&self, rows: &[Row], new: &SecretKey, hashes: &mut Hashes) -> Result<(), IdentityError> {
        for (old, account, key_id) in rows {
            if hashes.contains_key(old) {
                continue;
            }
            let Some(key) = self.secrets.find(SecretKind::Index, key_id).await? else { continue };
            if let Some(email) = self.said(account, &key, old).await? {
                hashes.insert(old.clone(), blind(new, &email));
            }
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
