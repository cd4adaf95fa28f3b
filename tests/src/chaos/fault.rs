//! What can go wrong.

use std::{fmt, time::Duration};

use rand::{RngExt, rngs::StdRng};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    ServerKilled,
    ServerTerminated,
    ServerFrozen,
    LockHolderFrozen,
    PostgresKilled,
    BackendsFrozen,
    SessionsEnded,
    NatsKilledAndWiped,
    NatsFrozen,
    ConnectionsReset,
    DatabaseAway,
    Blackhole,
    AnswersLost,
    ForeignTransaction,
    LockHeld,
    TablesLocked,
}

/// One of them, to whom, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub kind: Kind,
    /// If it hits one of the two.
    pub server: usize,
    pub lasts: Duration,
}

impl Kind {
    pub const ALL: [Self; 16] = [
        Self::ServerKilled,
        Self::ServerTerminated,
        Self::ServerFrozen,
        Self::LockHolderFrozen,
        Self::PostgresKilled,
        Self::BackendsFrozen,
        Self::SessionsEnded,
        Self::NatsKilledAndWiped,
        Self::NatsFrozen,
        Self::ConnectionsReset,
        Self::DatabaseAway,
        Self::Blackhole,
        Self::AnswersLost,
        Self::ForeignTransaction,
        Self::LockHeld,
        Self::TablesLocked,
    ];

    pub fn duration(self, rng: &mut StdRng) -> Duration {
        let range_ms = match self {
            Self::ConnectionsReset | Self::SessionsEnded => 0..1,
            // For how long it stays away.
            Self::ServerKilled | Self::ServerTerminated | Self::PostgresKilled => 0..800,
            Self::ServerFrozen | Self::LockHolderFrozen => 1_000..6_000,
            Self::BackendsFrozen | Self::Blackhole | Self::NatsFrozen => 500..3_000,
            Self::AnswersLost | Self::DatabaseAway | Self::NatsKilledAndWiped => 300..2_000,
            Self::LockHeld | Self::TablesLocked => 500..3_000,
            // The others happen meanwhile: it holds up none of them.
            Self::ForeignTransaction => 0..1,
        };
        Duration::from_millis(rng.random_range(range_ms))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = ["A", "B"][self.server];
        match self.kind {
            Kind::ServerKilled => write!(f, "kill -9 of server {server}"),
            Kind::ServerTerminated => write!(f, "SIGTERM to server {server}"),
            Kind::ServerFrozen => write!(f, "SIGSTOP of server {server}"),
            Kind::LockHolderFrozen => write!(f, "SIGSTOP of server {server} where it holds the append lock"),
            Kind::PostgresKilled => f.write_str("kill -9 of PostgreSQL"),
            Kind::BackendsFrozen => f.write_str("SIGSTOP of some of PostgreSQL's backends"),
            Kind::SessionsEnded => f.write_str("pg_terminate_backend of some sessions"),
            Kind::NatsKilledAndWiped => f.write_str("kill -9 of nats-server, its store wiped"),
            Kind::NatsFrozen => f.write_str("SIGSTOP of nats-server"),
            Kind::ConnectionsReset => write!(f, "all database connections of server {server} cut"),
            Kind::DatabaseAway => write!(f, "no database for server {server}"),
            Kind::Blackhole => write!(f, "silence between server {server} and PostgreSQL"),
            Kind::AnswersLost => write!(f, "PostgreSQL's answers to server {server} lost"),
            Kind::ForeignTransaction => f.write_str("a foreign transaction stays open from here on"),
            Kind::LockHeld => f.write_str("the append lock held by a foreign session"),
            Kind::TablesLocked => f.write_str("every pool exhausted by locked tables"),
        }?;
        match self.lasts.as_millis() {
            0 => Ok(()),
            lasts_ms => write!(f, ", {lasts_ms} ms"),
        }
    }
}
