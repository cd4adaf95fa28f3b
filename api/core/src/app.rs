//! What handlers reach: the two halves, the edge's own state, and nothing else.

use std::sync::Arc;

use daybook_commands::Commands;
use daybook_migrations::Features;
use daybook_projections::{Log, Operators, workers::Crew};

use crate::{
    audit::Audit,
    auth::{Verifier, keys::Jwk, revocation::Revocations},
    config::{Effective, Http},
    entropy::Clock,
    health::Health,
    identity::opening::Identity,
    limits::RateLimits,
    live::Live,
    log_levels::LogLevels,
    measures::Measures,
    reads::Reads,
    traffic::Traffic,
    vault::Vault,
};

/// One process's worth of state, shared by all its workers.
pub struct App {
    /// `None` in a process that doesn't serve the API.
    pub commands: Option<Commands>,
    pub reads: Reads,
    pub log: Log,
    pub operators: Operators,
    /// What this process does in the background.
    pub crew: Crew,
    pub vault: Vault,
    pub clock: Clock,
    pub audit: Audit,
    pub verifier: Arc<Verifier>,
    pub identity: Arc<Identity>,
    /// What is published under `/.well-known/jwks.json`.
    pub published_key: Option<Jwk>,
    pub rates: RateLimits,
    pub live: Live,
    pub log_levels: LogLevels,
    /// Bounds that handlers and the gate look at.
    pub limits: Http,
    pub health: Health,
    pub revocations: Revocations,
    pub features: Features,
    pub traffic: Traffic,
    /// The settings of this process, secrets masked.
    pub configuration: Vec<Effective>,
    pub measures: Measures,
}

impl App {
    /// The way to the committer.
    pub fn commands(&self) -> &Commands {
        self.commands.as_ref().expect("the API is served only beside a committer")
    }
}
