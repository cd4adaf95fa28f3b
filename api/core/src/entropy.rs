//! Where the time and random numbers come from: the only place that asks the machine for either.

#![allow(clippy::disallowed_methods, reason = "this is their home")]

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// What time it is, for whatever compares times with a token's.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    #[default]
    System,
    /// It shows the same time until a test moves it.
    Manual(ManualClock),
}

/// A clock that a test moves.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl Clock {
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now(),
            Self::Manual(clock) => clock.now(),
        }
    }
}

impl ManualClock {
    pub fn at(time: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(time.timestamp_micros())))
    }

    pub fn advance(&self, by: TimeDelta) {
        self.0.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

/// A UUIDv7 (RFC 9562): sorts by time, and in this process by the order of calls.
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}
