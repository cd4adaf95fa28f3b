//! How many connections to PostgreSQL this process has at most, and whether there is room for them.

use std::fmt;

use daybook_core::config::{Config, Part};
use daybook_projections::OwnConnections;
use sqlx::{FromRow, PgPool};
use tracing::{info, warn};

/// For reading which tokens were revoked: two, so that one may wait for an answer that was lost.
pub const FOR_REVOCATIONS: u32 = 2;

/// Has one row, about the role and the database of this session. Others than this session are counted by who has them,
/// because their kind is hidden. Sessions without a user are PostgreSQL's own.
const LIMITS: &str = "SELECT current_setting('max_connections')::int AS all_connections,
            current_setting('superuser_reserved_connections')::int
                + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
            rolconnlimit AS of_role, datconnlimit AS of_database, open.*
       FROM pg_roles, pg_database,
            (SELECT count(*) AS open,
                    count(*) FILTER (WHERE usename = session_user) AS open_of_role,
                    count(*) FILTER (WHERE datname = current_database()) AS open_of_database
               FROM pg_stat_activity
              WHERE usename IS NOT NULL AND datname IS NOT NULL AND pid <> pg_backend_pid()) AS open
      WHERE rolname = session_user AND datname = current_database()";

/// The most connections that this process has, by what they are for, as long as no read model is rebuilt or verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    pub queries: u32,
    /// With the one that appends.
    pub commands: u32,
    pub background: u32,
    /// Those that workers have for themselves.
    pub workers: u32,
    /// More, while one read model is rebuilt or verified.
    pub rebuild: u32,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "PostgreSQL has room for {room} connections of this process ({limit}), and it may need {}: {needed}. Raise that limit, or \
     lower what needs most",
    needed.total()
)]
pub struct NoRoom {
    room: i64,
    limit: String,
    needed: Connections,
}

#[derive(FromRow)]
struct Found {
    all_connections: i32,
    reserved: i32,
    of_role: i32,
    of_database: i32,
    open: i64,
    open_of_role: i64,
    open_of_database: i64,
}

/// What bounds the connections of this process, the least room first.
pub struct Limits(Vec<Limit>);

struct Limit {
    name: String,
    room: i64,
    /// Connections of others that count towards it.
    open: i64,
}

impl Connections {
    pub fn of(config: &Config, own: OwnConnections) -> Self {
        // The reactor performs what was asked for by commands.
        let decides = config.has(Part::Api) || config.has(Part::Reactor);
        let is_behind_the_log = config.roles.iter().any(|part| *part != Part::Api);
        Self {
            queries: config.queries.connections,
            commands: if decides { config.commands.connections + 1 } else { 0 },
            background: if is_behind_the_log { config.background.connections } else { 0 },
            workers: own.kept + FOR_REVOCATIONS,
            rebuild: own.rebuild,
        }
    }

    pub fn total(&self) -> u32 {
        self.queries + self.commands + self.background + self.workers
    }

    /// Refuses what can't fit even if nothing else were connected, and warns of what doesn't fit beside what is: during an
    /// upgrade, that may end by itself.
    pub fn fit(self, limits: &Limits) -> Result<(), NoRoom> {
        let (total, rebuild) = (i64::from(self.total()), i64::from(self.rebuild));
        info!(
            "this process has at most {total} connections to PostgreSQL, and {rebuild} more while it rebuilds or verifies a \
             read model"
        );
        if let Some(Limit { name, room, .. }) = limits.first(|limit| limit.room < total) {
            return Err(NoRoom { room: *room, limit: name.clone(), needed: self });
        }
        if let Some(Limit { name, room, open }) = limits.first(|limit| limit.room - limit.open < total) {
            warn!(
                "PostgreSQL has room for {room} connections ({name}), {open} of them are others' already, and this process may \
                 need {total}: when there are none left, its work waits"
            );
        } else if let Some(Limit { name, room, .. }) = limits.first(|limit| limit.room < total + rebuild) {
            warn!(
                "PostgreSQL has room for {room} connections ({name}), and this process may need {total}, with {rebuild} more \
                 while it rebuilds or verifies a read model: when there are none left, that has to be tried again"
            );
        }
        Ok(())
    }
}

impl fmt::Display for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queries, commands, background, workers, .. } = self;
        write!(f, "{queries} for queries (setting queries.connections)")?;
        if *commands > 0 {
            write!(f, ", {commands} for commands (commands.connections, and one more)")?;
        }
        if *background > 0 {
            write!(f, ", {background} behind the log (background.connections)")?;
        }
        write!(
            f,
            ", {workers} of single workers (ten for each of projections.partitions, if it has that role)"
        )
    }
}

impl Limits {
    pub async fn read(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let found: Found = sqlx::query_as(LIMITS).fetch_one(pool).await?;
        let all = format!("max_connections is {}, {} are reserved", found.all_connections, found.reserved);
        let limits = [
            (all, found.all_connections - found.reserved, found.open),
            ("the CONNECTION LIMIT of its role".into(), found.of_role, found.open_of_role),
            ("the CONNECTION LIMIT of its database".into(), found.of_database, found.open_of_database),
        ];
        // Below zero is no limit.
        let limits = limits.into_iter().filter(|(_, room, _)| *room >= 0);
        let mut limits: Vec<_> =
            limits.map(|(name, room, open)| Limit { name, room: i64::from(room), open }).collect();
        limits.sort_by_key(|limit| limit.room);
        Ok(Self(limits))
    }

    fn first(&self, is_short: impl Fn(&Limit) -> bool) -> Option<&Limit> {
        self.0.iter().find(|limit| is_short(limit))
    }
}
