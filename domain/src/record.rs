//! A stored event with its place in the log: what everyone downstream receives.

use std::{collections::BTreeMap, fmt};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    decider::{Decider, Event},
    stored::{Unreadable, decode},
};

/// A place in the log. The first event has position 1, and there are no gaps; 0 is before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub i64);

impl Position {
    pub const START: Self = Self(0);

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One event of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    pub position: Position,
    pub event_id: Uuid,
    /// The kind of stream.
    pub aggregate_type: String,
    pub aggregate_id: String,
    /// Place in the stream, from 1, without gaps.
    pub sequence: i64,
    pub event_type: String,
    pub event_version: String,
    pub payload: Box<RawValue>,
    /// `actor`, `command`, `request_id`, `traceparent`: who and why.
    pub metadata: BTreeMap<String, String>,
    /// When it was appended, UTC; never before the record in front of it.
    pub recorded_at: DateTime<Utc>,
}

impl Record {
    /// Whether this belongs to a stream of `D`.
    pub fn is<D: Decider>(&self) -> bool {
        self.aggregate_type == D::KIND
    }

    /// The event, if this record belongs to a stream of `D`.
    pub fn event<D: Decider>(&self) -> Result<Option<D::Event>, Unreadable> {
        if self.is::<D>() { self.decode().map(Some) } else { Ok(None) }
    }

    /// The event. The caller knows what kind of stream this is.
    pub fn decode<E: Event>(&self) -> Result<E, Unreadable> {
        decode(&self.aggregate_type, &self.event_type, &self.event_version, &self.payload)
    }

    /// The subject of the person or program that caused it.
    pub fn actor(&self) -> Option<&str> {
        self.metadata.get("actor").map(String::as_str)
    }

    /// The trace of the request that caused it, as W3C writes it.
    pub fn traceparent(&self) -> Option<&str> {
        self.metadata.get("traceparent").map(String::as_str)
    }

    pub fn request_id(&self) -> &str {
        self.metadata.get("request_id").map_or("", String::as_str)
    }
}
