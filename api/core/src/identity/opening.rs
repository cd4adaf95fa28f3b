//! All services of accounts, as one process has them.

use std::{io, sync::Arc};

use daybook_commands::Commands;
use daybook_migrations::Features;
use daybook_projections::{EffectLedger, Log};
use sqlx::PgPool;

use super::{
    accounts::Accounts, addresses::Addresses, api_keys::ApiKeys, attempts::Attempts, budgets::Budgets,
    factors::Factors, links::Links, order_claims::OrderClaims, outside::Outside, passwords::Passwords,
    registering::Registering, roles::Roles, secrets::Secrets, sessions::Sessions, shared::Shared,
    subjects::Subjects,
};
use crate::{
    auth::{SigningKey, Verifier, relying_party::LoginError, revocation::Revocations},
    config::Config,
    entropy::Clock,
    vault::{Vault, VaultError},
};

pub struct Identity {
    pub accounts: Accounts,
    pub registering: Arc<Registering>,
    pub sessions: Arc<Sessions>,
    pub factors: Arc<Factors>,
    pub order_claims: OrderClaims,
    pub keys: ApiKeys,
    pub roles: Roles,
    pub outside: Outside,
    pub subjects: Arc<Subjects>,
    pub secrets: Arc<Secrets>,
    pub shared: Arc<Shared>,
}

/// What of a process the services of accounts need.
pub struct Around {
    pub pool: PgPool,
    pub log: Log,
    pub vault: Vault,
    pub features: Features,
    /// `None` in a process that has no committer.
    pub commands: Option<Commands>,
    pub verifier: Arc<Verifier>,
    pub signing_key: Option<SigningKey>,
    pub clock: Clock,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("keys of accounts can't be opened: {0}")]
    Secrets(#[from] VaultError),
    #[error("setting passwords.leaked_file: {0}")]
    Leaked(#[from] io::Error),
    #[error("setting accounts.providers: {0}")]
    Providers(#[from] LoginError),
}

impl Identity {
    pub async fn open(around: Around, config: &Config) -> Result<Self, OpenError> {
        let Around { pool, log, vault, features, commands, verifier, signing_key, clock } = around;
        let secrets = Arc::new(Secrets::open(pool.clone(), vault.clone()).await?);
        let attempts = Attempts::new(pool.clone(), vault.clone());
        let subjects = Arc::new(Subjects::new(pool.clone(), Arc::clone(&secrets), vault.clone()));
        let shared = Arc::new(Shared {
            addresses: Addresses::new(pool.clone(), Arc::clone(&secrets)),
            links: Links::new(pool.clone(), Arc::clone(&secrets)),
            passwords: Arc::new(Passwords::new(&config.passwords)?),
            budgets: Budgets::new(&config.budgets),
            ledger: EffectLedger::new(pool.clone()),
            revocations: Revocations::new(pool.clone(), Arc::clone(&verifier)),
            pool,
            log,
            vault,
            commands,
            verifier,
            signing_key,
            tokens: config.tokens.clone(),
            settings: config.accounts.clone(),
            features,
            url: config.accounts_url(),
        });
        let factors = Arc::new(Factors::new(Arc::clone(&shared)));
        let sessions =
            Arc::new(Sessions::new(Arc::clone(&shared), Arc::clone(&secrets), Arc::clone(&factors)));
        let order_claims = OrderClaims::new(Arc::clone(&shared), clock.clone());
        let registering = Arc::new(Registering::new(Arc::clone(&shared), Arc::clone(&sessions), clock));
        let outside =
            Outside::new(Arc::clone(&shared), Arc::clone(&sessions), attempts, Arc::clone(&subjects))?;
        Ok(Self {
            outside,
            subjects,
            accounts: Accounts::new(Arc::clone(&shared), Arc::clone(&sessions), Arc::clone(&registering)),
            keys: ApiKeys::new(Arc::clone(&shared), Arc::clone(&sessions)),
            roles: Roles::new(&shared, Arc::clone(&sessions)),
            registering,
            sessions,
            factors,
            order_claims,
            secrets,
            shared,
        })
    }
}
