//! Second factors: one-time passwords of an authenticator app, and recovery codes for when the phone is gone.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE32_NOPAD;
use daybook_commands::accounts::{AddFactor, RemoveFactor};
use daybook_domain::account::{Details, FactorKind};
use uuid::Uuid;

use super::{
    activity::ActivityEvent,
    asker::Asker,
    error::IdentityError,
    secrets::random,
    shared::{Credential, CredentialKind, Loaded, Shared},
    totp::{self, SECRET_LEN},
};

const HASH_LEN: usize = 32;
const RECOVERY_CODES: usize = 10;
/// 80 bits, 16 characters.
const RECOVERY_CODE_LEN: usize = 10;

const TOTP: CredentialKind = CredentialKind::Totp;
const RECOVERY: CredentialKind = CredentialKind::RecoveryCodes;

pub struct Factors {
    shared: Arc<Shared>,
}

/// A secret that an authenticator app takes over; it counts when a code of it was shown.
#[derive(Debug)]
pub struct Begun {
    pub secret: String,
    pub uri: String,
}

impl Factors {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Refuses unless `code` is a code of the account's second factor, if it has one. Each code is good once.
    pub async fn prove(
        &self,
        asker: &Asker,
        loaded: &Loaded,
        credentials: &[Credential],
        code: Option<&str>,
        device: Option<Uuid>,
    ) -> Result<(), IdentityError> {
        let details = loaded.details()?;
        if !details.needs_second_factor() {
            return Ok(());
        }
        let code = code.ok_or(IdentityError::SecondFactorRequired)?;
        self.shared.budgets.second_factor(&loaded.id, device)?;
        let code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let is_right = self.is_one_time_password(asker, details, credentials, &code).await?
            || self.is_recovery_code(asker, loaded, credentials, &code).await?;
        if is_right {
            return Ok(());
        }
        self.shared.note(asker, Some(&loaded.id), ActivityEvent::SecondFactorFailed, None).await?;
        Err(IdentityError::InvalidCredentials)
    }

    async fn is_one_time_password(
        &self,
        asker: &Asker,
        details: &Details,
        credentials: &[Credential],
        code: &str,
    ) -> Result<bool, IdentityError> {
        let named = |row: &&Credential| row.kind == TOTP.as_str() && details.factors.contains_key(&row.id);
        let Some(row) = credentials.iter().find(named) else { return Ok(false) };
        self.take_code(asker, row, code).await
    }

    /// Whether it is a code of this secret that was not used yet.
    async fn take_code(&self, asker: &Asker, row: &Credential, code: &str) -> Result<bool, IdentityError> {
        let secret = self.shared.vault.open_secret(&context(row.id), row.secret.clone())?;
        let Some(step) = totp::step_of(&secret, code, asker.now.timestamp()) else { return Ok(false) };
        let taken = sqlx::query("UPDATE credentials SET used = $2 WHERE id = $1 AND used < $2")
            .bind(row.id)
            .bind(step)
            .execute(&self.shared.pool)
            .await?;
        Ok(taken.rows_affected() == 1)
    }

    async fn is_recovery_code(
        &self,
        asker: &Asker,
        loaded: &Loaded,
        credentials: &[Credential],
        code: &str,
    ) -> Result<bool, IdentityError> {
        let details = loaded.details()?;
        let named =
            |row: &&Credential| row.kind == RECOVERY.as_str() && details.factors.contains_key(&row.id);
        let Some(row) = credentials.iter().find(named) else { return Ok(false) };
        let hash = hash_of(&code.to_ascii_uppercase());
        let left: Vec<&[u8]> = row.secret.chunks(HASH_LEN).filter(|known| *known != hash).collect();
        if left.len() * HASH_LEN == row.secret.len() {
            return Ok(false);
        }
        let taken = sqlx::query("UPDATE credentials SET secret = $2 WHERE id = $1 AND secret = $3")
            .bind(row.id)
            .bind(left.concat())
            .bind(&row.secret)
            .execute(&self.shared.pool)
            .await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        self.shared.note(asker, Some(&loaded.id), ActivityEvent::RecoveryCodeUsed, None).await?;
        Ok(true)
    }

    /// Makes a secret for an authenticator app.
    pub async fn begin_totp(&self, asker: &Asker) -> Result<Begun, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        let details = loaded.details()?;
        let secret = random::<SECRET_LEN>();
        let id = uuid::Builder::from_random_bytes(random()).into_uuid();
        let sealed = shared.vault.seal_secret(&context(id), secret.to_vec())?;
        let named: Vec<Uuid> = details.factors.keys().copied().collect();
        // One that was begun and not confirmed is given up.
        shared.forget_others(&loaded.id, TOTP, &named).await?;
        shared.keep(id, &loaded.id, TOTP, &sealed).await?;
        let email = shared.contact(details).await?.map(|(email, _)| email.to_string()).unwrap_or_default();
        Ok(Begun { secret: totp::shown(&secret), uri: totp::uri(&secret, &shared.tokens.issuer, &email) })
    }

    /// The app shows codes of that secret: it counts from now on. Recovery codes come with it, shown this once.
    pub async fn confirm_totp(&self, asker: &Asker, code: &str) -> Result<Vec<String>, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        let details = loaded.details()?;
        shared.budgets.second_factor(&loaded.id, None)?;
        let credentials = shared.credentials(&loaded.id).await?;
        let begun = |row: &&Credential| row.kind == TOTP.as_str() && !details.factors.contains_key(&row.id);
        let row = credentials.iter().find(begun).ok_or(IdentityError::NotFound)?;
        if !self.take_code(asker, row, code.trim()).await? {
            return Err(IdentityError::InvalidCode);
        }
        let id = loaded.account_id()?;
        shared.ask(asker, AddFactor { id, factor: row.id, kind: FactorKind::Totp }).await?;
        shared.note(asker, Some(&loaded.id), ActivityEvent::SecondFactorAdded, None).await?;
        self.make_recovery_codes(asker).await
    }

    /// New recovery codes; those of before are good for nothing any more.
    pub async fn make_recovery_codes(&self, asker: &Asker) -> Result<Vec<String>, IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        if !loaded.details()?.needs_second_factor() {
            return Err(IdentityError::NotFound);
        }
        let codes: Vec<String> =
            (0..RECOVERY_CODES).map(|_| BASE32_NOPAD.encode(&random::<RECOVERY_CODE_LEN>())).collect();
        let hashes: Vec<u8> = codes.iter().flat_map(|code| hash_of(code)).collect();
        let factor = uuid::Builder::from_random_bytes(random()).into_uuid();
        shared.keep(factor, &loaded.id, RECOVERY, &hashes).await?;
        let id = loaded.account_id()?;
        shared.ask(asker, AddFactor { id, factor, kind: FactorKind::RecoveryCodes }).await?;
        shared.forget_others(&loaded.id, RECOVERY, &[factor]).await?;
        shared.note(asker, Some(&loaded.id), ActivityEvent::RecoveryCodesMade, None).await?;
        Ok(codes.iter().map(|code| grouped(code)).collect())
    }

    /// A password is enough again.
    pub async fn remove_totp(&self, asker: &Asker) -> Result<(), IdentityError> {
        let shared = &self.shared;
        let loaded = shared.own(asker).await?;
        let details = loaded.details()?;
        let id = loaded.account_id()?;
        let of_totp: Vec<Uuid> = details.factors_of(FactorKind::Totp).collect();
        if of_totp.is_empty() {
            return Err(IdentityError::NotFound);
        }
        let others = details.factors.values().any(|kind| *kind == FactorKind::Passkey);
        let codes = details.factors_of(FactorKind::RecoveryCodes).filter(|_| !others);
        for factor in of_totp.into_iter().chain(codes) {
            shared.ask(asker, RemoveFactor { id, factor }).await?;
        }
        shared.forget_others(&loaded.id, TOTP, &[]).await?;
        if !others {
            shared.forget_others(&loaded.id, RECOVERY, &[]).await?;
        }
        shared.note(asker, Some(&loaded.id), ActivityEvent::SecondFactorRemoved, None).await
    }
}

/// Binds a sealed secret to its row.
pub(crate) fn context(id: Uuid) -> Vec<u8> {
    format!("credentials/totp/{id}").into_bytes()
}

fn hash_of(code: &str) -> [u8; HASH_LEN] {
    digest(&SHA256, code.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// `ABCD-EFGH-IJKL-MNOP`, as it is written down.
fn grouped(code: &str) -> String {
    let groups: Vec<&str> =
        (0..code.len()).step_by(4).map(|from| &code[from..(from + 4).min(code.len())]).collect();
    groups.join("-")
}
