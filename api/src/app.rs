//! What handlers reach: the two halves, the edge's own state, and nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use daybook_commands::Commands;
use daybook_projections::{Log, Operators};
use sqlx::PgPool;
use tokio::sync::watch;

use crate::{
    audit::Audit,
    auth::{Verifier, keys::Jwk},
    config::Http,
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
    /// Bounds that handlers and the gate look at.
    pub limits: Http,
    pub pool: PgPool,
    pub command_pool: PgPool,
    pub nats_url: String,
    pub traffic: Traffic,
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
