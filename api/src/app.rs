//! What handlers reach: the two halves, the edge's own state, and nothing else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use daybook_commands::Commands;
use daybook_projections::{Log, Operators};
use sqlx::PgPool;
use tokio::sync::watch;

use crate::{
    audit::Audit,
    auth::{Verifier, keys::Jwk},
    config::Config,
    entropy::Clock,
    http::{limits::RateLimits, live::Live},
    metrics,
    reads::Reads,
    vault::Vault,
};

/// One process's worth of state, shared by all its workers.
pub struct App {
    /// Only where the API is served.
    pub commands: Option<Commands>,
    pub reads: Reads,
    pub log: Log,
    pub operators: Operators,
    pub vault: Vault,
    pub clock: Clock,
    pub audit: Audit,
    pub verifier: Arc<Verifier>,
    /// What is published under `/.well-known/jwks.json`.
    pub published_key: Option<Jwk>,
    pub rates: RateLimits,
    pub live: Live,
    pub limits: Limits,
    pub pool: PgPool,
    pub command_pool: PgPool,
    pub nats_url: String,
    pub traffic: Traffic,
}

/// Bounds that handlers and the gate look at.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub max_body_bytes: usize,
    pub max_in_flight: usize,
    pub client_timeout: Duration,
    pub request_timeout_ms: u64,
    pub max_request_timeout_ms: u64,
}

impl Limits {
    pub fn new(config: &Config) -> Self {
        Self {
            max_body_bytes: config.max_body_bytes,
            max_in_flight: config.max_in_flight,
            client_timeout: Duration::from_millis(config.client_timeout_ms),
            request_timeout_ms: config.request_timeout_ms,
            max_request_timeout_ms: config.max_request_timeout_ms,
        }
    }
}

impl App {
    /// The way to the committer.
    pub fn commands(&self) -> &Commands {
        self.commands.as_ref().expect("the API is served only beside a committer")
    }
}

/// How much is going on, and whether anything may begin.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    in_flight: AtomicUsize,
    draining: AtomicBool,
    /// Tells who would not look.
    drained: watch::Sender<bool>,
}

/// One request in work, until it is dropped.
pub struct InFlight(Traffic);

impl Traffic {
    /// Counts one more, and says how many that makes.
    pub fn enter(&self) -> (InFlight, usize) {
        metrics::IN_FLIGHT.inc();
        let before = self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        (InFlight(self.clone()), before + 1)
    }

    pub fn in_flight(&self) -> usize {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// From now on nothing new is taken.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
        self.0.drained.send_replace(true);
    }

    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    /// Wakes what would go on for ever.
    pub fn draining(&self) -> watch::Receiver<bool> {
        self.0.drained.subscribe()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::IN_FLIGHT.dec();
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
