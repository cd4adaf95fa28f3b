//! All that is downstream of the log: the relay and the publisher to JetStream, read models and the queries that they
//! answer, rebuilds, reactions and the effects that follow from them.
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
pub mod settings;
pub mod status;

mod background;
mod cache;
mod checkpoint;
mod dead_letters;
mod lease;
mod metrics;
mod notices;
mod partition;
mod presence;
mod projection;
mod proof;
mod rebuild;
mod scan;
mod session;
mod shares;
mod signals;
mod stream;
mod tasks;
mod timeout;
mod verify;

use std::{sync::Arc, time::Duration};

use daybook_domain::Position;
use sqlx::{PgPool, postgres::PgConnectOptions};
use tokio::sync::watch;

pub use cursor::{BadCursor, Cursor};
pub use dead_letters::DeadLetter;
pub use log::{Log, Look, Selection, StreamPage, Types};
pub use operators::{LogState, OperatorError, Operators, Rebuild, RebuildState};
pub use queries::{Answer, Asked, Audience, Moment, Page, Queries, QueryError};
pub use reactor::{ClaimedEffect, EffectError, Performer};
pub use settings::{Roles, Settings};
pub use status::{PartitionStatus, ProjectionState, ProjectionStatus};
pub use verify::{log::LogVerification, rows::Verification};

use crate::{
    background::Background,
    cache::Cache,
    lease::Leases,
    read_models::READ_MODELS,
    shares::Shares,
    signals::Signals,
    stream::{publisher::Publisher, relay::Relay},
    tasks::Tasks,
};

/// How long background work waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything downstream that runs in this process.
pub struct Downstream {
    tasks: Tasks,
    signals: Signals,
    queries: Queries,
}

impl Downstream {
    /// Makes what read models are missing, and notes from where on each reaction reacts. To be called
    /// before the first command is taken, by every process; can be repeated.
    pub async fn prepare(pool: &PgPool, settings: &Settings) -> Result<(), sqlx::Error> {
        projection::worker::ensure_all(pool, settings.projections.partitions).await?;
        reactor::ledger::register(pool).await
    }

    /// Starts what `roles` say. Queries work in every process; they read through `pool`. Everything
    /// else has connections of its own, made with `connect`, which must reach the database directly:
    /// LISTEN doesn't pass a transaction pool.
    ///
    /// Never fails: what is away is waited for.
    pub fn start(
        settings: Settings,
        nats_url: String,
        roles: Roles,
        pool: PgPool,
        connect: PgConnectOptions,
        performer: Arc<dyn Performer>,
    ) -> Self {
        let tasks = Tasks::new();
        let signals = Signals::new();
        let cache = Arc::new(Cache::new(settings.cache.size.get(), settings.cache.max_age.get()));
        signals::start(&tasks, &signals, &cache, connect.clone());

        if roles.work_in_the_background() {
            let background = Background {
                relaxed: connect.clone().options([("synchronous_commit", "off")]),
                pool: daybook_migrations::pool(
                    connect.clone(),
                    settings.background.connections,
                    ACQUIRE_TIMEOUT,
                ),
                connect,
                leases: Leases::new(settings.background.lease_term.get()),
                shares: Shares::new(),
                signals: signals.clone(),
                settings: Arc::new(settings),
            };
            status::start(&tasks, background.pool.clone());
            start_work(&tasks, &background, nats_url, roles, performer);
        } else {
            status::start(&tasks, pool.clone());
        }
        Self { tasks, signals, queries: Queries::new(pool, cache) }
    }

    /// The newest head of the log that this process heard of: what follows the log live wakes by it.
    pub fn head(&self) -> watch::Receiver<Position> {
        self.signals.head()
    }

    pub fn queries(&self) -> Queries {
        self.queries.clone()
    }

    /// Lets every task finish its transaction, gives leases back, and cuts off what takes longer than
    /// `within`. Nothing is lost by that: it will be done again.
    pub async fn shutdown(self, within: Duration) {
        self.tasks.stop(within).await;
    }
}

fn start_work(
    tasks: &Tasks,
    background: &Background,
    nats_url: String,
    roles: Roles,
    performer: Arc<dyn Performer>,
) {
    let nats = stream::Nats::connect(tasks, nats_url);
    if roles.relay {
        stream::carrier::start(tasks, background, &nats, Arc::new(Relay));
    }
    if roles.publisher {
        stream::carrier::start(tasks, background, &nats, Arc::new(Publisher::default()));
    }
    if !roles.projections && !roles.reactor {
        return;
    }
    let feed = stream::feed::start(tasks, background, &nats);
    if roles.projections {
        presence::start(tasks, background);
        for definition in READ_MODELS {
            projection::worker::start(tasks, background, &feed, definition);
            rebuild::start(tasks, background, definition);
        }
        proof::start(tasks, background);
    }
    if roles.reactor {
        reactor::start(tasks, background, &feed, performer);
    }
}
