//! All that is downstream of the log: the relay and the publisher to JetStream, the mirror to another system, read models
//! and the queries that they answer, rebuilds, reactions and the effects that follow from them.
//!
//! Postgres is the truth. Everything here can stop, start over or be thrown away at any time; what
//! it may never do is miss an event or count one twice, and the fence of each checkpoint sees to it.

pub mod codes;
pub mod cursor;
pub mod log;
pub mod operators;
pub mod queries;
pub mod reactor;
pub mod read_models;
pub mod selection;
pub mod settings;
pub mod status;
mod storage;
pub mod workers;

mod background;
mod cache;
mod checkpoint;
mod connections;
mod dead_letters;
mod lease;
mod metrics;
mod mirror;
mod notices;
mod partition;
mod presence;
mod projection;
mod proof;
mod public_table;
mod rebuild;
mod scan;
mod session;
mod shares;
mod signals;
mod sql;
mod stream;
mod tasks;
mod timeout;
mod traced;
mod verify;

use std::{sync::Arc, time::Duration};

use daybook_domain::Position;
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::sync::watch;

pub use checkpoint::CheckpointState;
pub use connections::OwnConnections;
pub use cursor::{BadCursor, Cursor};
pub use dead_letters::{DeadLetter, Resolution};
pub use log::{Log, Look, Selected, StreamPage};
/// With the name of the worker that mirrors.
pub use mirror::{NAME as MIRROR, OtherSystem, Untold};
pub use operators::{LogState, OperatorError, Operators, Rebuild};
pub use public_table::PublicTableVerification;
pub use queries::{Answer, Asked, Audience, Moment, Page, Queries, QueryError};
pub use reactor::{
    ClaimedEffect, EffectError, EffectLedger, Performer, listed::ListedEffect, state::EffectState,
};
pub use rebuild::state::RebuildState;
pub use selection::{Chooser, Selection, Streams, Types};
pub use settings::{Roles, Settings};
pub use status::{PartitionStatus, ProjectionState, ProjectionStatus};
/// The names of the workers that publish to JetStream.
pub use stream::{publisher::NAME as PUBLISHER, relay::NAME as RELAY};
pub use verify::{ledger::LedgerVerification, log::LogVerification, rows::Verification};

use crate::{
    background::Background,
    cache::Cache,
    lease::Leases,
    mirror::Mirroring,
    presence::Presence,
    projection::worker::Projecting,
    proof::Proving,
    public_table::PublicTable,
    reactor::{Performing, Reacting},
    read_models::READ_MODELS,
    rebuild::Rebuilding,
    shares::Shares,
    signals::{Listener, Signals},
    status::Gauges,
    storage::Storage,
    stream::{
        Connection, Nats,
        carrier::{Cargo, Carrying},
        feed::{Feed, Feeding},
        publisher::Publisher,
        relay::Relay,
    },
    workers::Worker,
};

/// How long background work waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything downstream that is in this process.
pub struct Downstream {
    signals: Signals,
    queries: Queries,
    workers: Vec<Arc<dyn Worker>>,
    own_pool: Option<PgPool>,
}

/// What the workers of this process are given.
struct Given {
    background: Background,
    nats_url: String,
    roles: Roles,
    performer: Arc<dyn Performer>,
    mirrored: Option<Arc<dyn OtherSystem>>,
}

impl Downstream {
    /// Makes what read models are missing, and notes from where on each reaction reacts. To be called
    /// before the first command is taken, by every process; can be repeated.
    pub async fn prepare(pool: &PgPool, settings: &Settings) -> Result<(), sqlx::Error> {
        projection::worker::ensure_all(pool, settings.projections.partitions).await?;
        reactor::ledger::register(pool).await
    }

    /// Queries work in every process; they read through `pool`. The workers, which are those that `roles`
    /// say, have connections of their own, made with `connect`, which must reach the database directly:
    /// LISTEN doesn't pass a transaction pool. `mirrored` is the system that this process mirrors public events to, if it
    /// does.
    ///
    /// This never fails: servers that can't be reached are waited for.
    pub fn new(
        settings: Settings,
        nats_url: String,
        roles: Roles,
        pool: PgPool,
        connect: PgConnectOptions,
        performer: Arc<dyn Performer>,
        mirrored: Option<Arc<dyn OtherSystem>>,
    ) -> Self {
        metrics::begin();
        let signals = Signals::new();
        let cache = Arc::new(Cache::new(settings.cache.size.get(), settings.cache.max_age.get()));
        let listener =
            Listener { signals: signals.clone(), cache: Arc::clone(&cache), connect: connect.clone() };
        let storage = Storage(pool.clone());
        let mut workers: Vec<Arc<dyn Worker>> = vec![Arc::new(listener), Arc::new(storage)];

        let own_pool = (roles.work_in_the_background() || mirrored.is_some()).then(|| {
            daybook_migrations::pool(connect.clone(), settings.background.connections, ACQUIRE_TIMEOUT)
        });
        workers.push(Arc::new(Gauges(own_pool.as_ref().unwrap_or(&pool).clone())));
        if let Some(pool) = own_pool.clone() {
            let relaxed = connect.clone().options([("synchronous_commit", "off")]);
            let background = Background {
                claims: relaxed.clone().options(reactor::BY_INDEX),
                marks: connect.clone().options(reactor::BY_INDEX),
                relaxed,
                pool,
                connect,
                leases: Leases::new(settings.background.lease_term.get()),
                shares: Shares::new(),
                signals: signals.clone(),
                settings: Arc::new(settings),
            };
            workers.extend(Given { background, nats_url, roles, performer, mirrored }.workers());
        }
        Self { signals, queries: Queries::new(pool, cache), workers, own_pool }
    }

    /// All that is done in the background. The wiring has them kept.
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        self.workers.clone()
    }

    /// The newest head of the log that this process heard of: what follows the log live wakes by it.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.signals.head()
    }

    /// How often this process heard that an operator acted.
    pub fn operators(&self) -> watch::Receiver<u64> {
        self.signals.operators()
    }

    /// How often this process has lost the database. The one that comes back may not have the last commits.
    pub fn losses(&self) -> watch::Receiver<u64> {
        self.signals.losses()
    }

    /// The connections that the workers of this process's roles share, if it has such workers.
    pub fn own_pool(&self) -> Option<PgPool> {
        self.own_pool.clone()
    }

    pub fn queries(&self) -> Queries {
        self.queries.clone()
    }
}

impl Given {
    /// The list of workers that have a role.
    fn workers(self) -> Vec<Arc<dyn Worker>> {
        let Self { background, nats_url, roles, performer, mirrored } = self;
        let (nats, feed) = (Nats::new(), Feed::new());
        let mut workers: Vec<Arc<dyn Worker>> = Vec::new();
        if let Some(other) = mirrored {
            workers.push(Arc::new(Mirroring { background: background.clone(), other }));
        }
        if !roles.work_in_the_background() {
            return workers;
        }
        workers.push(Arc::new(Connection {
            nats: nats.clone(),
            url: nats_url,
            ca_file: background.settings.nats.ca_file.clone(),
        }));
        if roles.relay {
            workers.push(carrying(&background, &nats, Relay));
        }
        if roles.publisher {
            workers.push(carrying(&background, &nats, Publisher::default()));
            workers.push(Arc::new(PublicTable(background.clone())));
        }
        if roles.projections || roles.reactor {
            let (background, feed) = (background.clone(), feed.clone());
            workers.push(Arc::new(Feeding { background, nats, feed }));
        }
        if roles.projections {
            workers.push(Arc::new(Presence(background.clone())));
            for definition in READ_MODELS {
                let (of_rows, feed) = (background.clone(), feed.clone());
                workers.push(Arc::new(Projecting { background: of_rows, feed, definition }));
                workers.push(Arc::new(Rebuilding { background: background.clone(), definition }));
            }
            workers.push(Arc::new(Proving(background.clone())));
        }
        if roles.reactor {
            workers.push(Arc::new(Reacting { background: background.clone(), feed }));
            workers.push(Arc::new(Performing { background, performer }));
        }
        workers
    }
}

fn carrying(background: &Background, nats: &Nats, cargo: impl Cargo + 'static) -> Arc<dyn Worker> {
    Arc::new(Carrying { background: background.clone(), nats: nats.clone(), cargo })
}
