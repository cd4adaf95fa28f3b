//! Whether this process can do its work.

use std::time::{Duration, Instant};

use daybook_commands::Commands;
use daybook_domain::words;
use serde::Serialize;
use sqlx::PgPool;
use tokio::{net::TcpStream, sync::Mutex};
use utoipa::ToSchema;

use crate::{
    carriers::{CarrierState, Carriers},
    metrics::{self, Check, Pool},
    traffic::Traffic,
};

const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// How long what was found of other servers is told to all who ask.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// Looks at what this process needs.
pub struct Health {
    pub queries: PgPool,
    pub commands: PgPool,
    pub committer: Option<Commands>,
    pub traffic: Traffic,
    pub nats_url: String,
    pub carriers: Carriers,
    pub around: Around,
}

/// The other servers, as they were found last. Callers that come while one looks wait for what it finds.
#[derive(Default)]
pub struct Around(Mutex<Option<(Instant, Found)>>);

#[derive(Clone, Copy)]
struct Found {
    database: DatabaseState,
    schema: SchemaState,
    nats: NatsState,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    status: ReadyState,
    database: DatabaseState,
    schema: SchemaState,
    committer: CommitterState,
    /// Not needed to be ready: without it, queries lag a little more.
    nats: NatsState,
    /// Not needed either: without it, workers read the log.
    relay: CarrierState,
    publisher: CarrierState,
    mirror: CarrierState,
}

words! {
    pub enum ReadyState {
        Ready = "ready",
        Draining = "draining",
        Unavailable = "unavailable",
    }
}

words! {
    pub enum DatabaseState {
        Ok = "ok",
        Unreachable = "unreachable",
    }
}

words! {
    pub enum SchemaState {
        Ok = "ok",
        Behind = "behind",
        Unknown = "unknown",
    }
}

words! {
    pub enum CommitterState {
        Ok = "ok",
        Stopped = "stopped",
        /// This process takes no commands.
        None = "none",
    }
}

words! {
    pub enum NatsState {
        Ok = "ok",
        Away = "away",
    }
}

daybook_domain::schema_of_words!(ReadyState, DatabaseState, SchemaState, CommitterState, NatsState);

impl Readiness {
    pub fn is_ready(&self) -> bool {
        self.status == ReadyState::Ready
    }
}

impl Health {
    pub async fn look(&self) -> Readiness {
        let Found { database, schema, nats } = self.around().await;
        let committer = match &self.committer {
            Some(commands) if commands.is_open() => CommitterState::Ok,
            Some(_) => CommitterState::Stopped,
            None => CommitterState::None,
        };
        let draining = self.traffic.is_draining();
        let is_ready = schema == SchemaState::Ok && committer != CommitterState::Stopped && !draining;
        let status = match (is_ready, draining) {
            (true, _) => ReadyState::Ready,
            (false, true) => ReadyState::Draining,
            (false, false) => ReadyState::Unavailable,
        };
        let (relay, publisher) = (self.carriers.relay(), self.carriers.publisher());
        let mirror = self.carriers.mirror();
        Readiness { status, database, schema, committer, nats, relay, publisher, mirror }
    }

    async fn around(&self) -> Found {
        let mut last = self.around.0.lock().await;
        if let Some((at, found)) = *last
            && at.elapsed() < SHARED_FOR
        {
            return found;
        }
        let schema =
            tokio::time::timeout(CHECK_TIMEOUT, daybook_migrations::check_schema(&self.queries)).await;
        let (database, schema) = match schema {
            Ok(Ok(())) => (DatabaseState::Ok, SchemaState::Ok),
            Ok(Err(daybook_migrations::MigrateError::Behind { .. })) => {
                (DatabaseState::Ok, SchemaState::Behind)
            }
            Ok(Err(_)) | Err(_) => (DatabaseState::Unreachable, SchemaState::Unknown),
        };
        let nats = if answers(&self.nats_url).await { NatsState::Ok } else { NatsState::Away };
        let found = Found { database, schema, nats };
        *last = Some((Instant::now(), found));
        found
    }

    /// Called before metrics are read.
    pub async fn measure(&self) {
        let found = self.look().await;
        let is_well = |check| match check {
            Check::Ready => found.is_ready(),
            Check::Database => found.database == DatabaseState::Ok,
            Check::Schema => found.schema == SchemaState::Ok,
            Check::Committer => found.committer != CommitterState::Stopped,
            Check::Nats => found.nats == NatsState::Ok,
        };
        for check in Check::ALL {
            metrics::READY.with_label_values(&[check.as_str()]).set(is_well(check).into());
        }
        self.carriers.measure();
        metrics::measure_pool(Pool::Queries, &self.queries);
        metrics::measure_pool(Pool::Commands, &self.commands);
    }
}

/// The time that processors have spent on this process, if the system tells it.
pub fn cpu_seconds() -> Option<f64> {
    #[cfg(target_os = "linux")]
    {
        let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let (seconds, nanos) = (u64::try_from(spent.tv_sec).ok()?, u32::try_from(spent.tv_nsec).ok()?);
        Some(Duration::new(seconds, nanos).as_secs_f64())
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// Whether a server listens there.
async fn answers(nats_url: &str) -> bool {
    let Ok(url) = url::Url::parse(nats_url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let connecting = TcpStream::connect((host, url.port().unwrap_or(4222)));
    matches!(tokio::time::timeout(CHECK_TIMEOUT, connecting).await, Ok(Ok(_)))
}
