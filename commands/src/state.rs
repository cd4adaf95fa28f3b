//! A stream's state, whichever decider's it is: how it is folded from the log, kept as a snapshot, and
//! weighed.

use std::{any::Any, sync::Arc};

use daybook_domain::{
    Decider,
    stored::{Unreadable, decode},
};
use serde_json::value::RawValue;

/// Events that a stream must have had since its snapshot before it gets another one. A fold of this many
/// costs about a millisecond; a shorter one isn't worth a row.
const SNAPSHOT_EVENTS: u32 = 500;
/// What a stored event weighs beside its payload, bytes: its row, read and decoded.
const EVENT_WEIGHT: usize = 256;

pub type AnyState = Arc<dyn State + Send + Sync>;

/// While it is folded.
pub type OwnState = Box<dyn State + Send + Sync>;

/// Implemented by every decider.
pub trait State: Any {
    fn apply(&mut self, event: &StoredEvent) -> Result<(), Unreadable>;
    /// The shape of what `to_json` writes.
    fn shape(&self) -> i32;
    fn to_json(&self) -> String;
    fn weight(&self) -> usize;
}

impl<D: Decider> State for D {
    fn apply(&mut self, event: &StoredEvent) -> Result<(), Unreadable> {
        let event: D::Event = decode(D::KIND, &event.name, &event.version, &event.payload)?;
        *self = std::mem::take(self).evolve(&event);
        Ok(())
    }

    fn shape(&self) -> i32 {
        i32::from(D::SHAPE)
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("states serialize: string keys, finite numbers")
    }

    fn weight(&self) -> usize {
        Decider::weight(self)
    }
}

/// Names a stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StreamId {
    pub kind: &'static str,
    pub id: Arc<str>,
}

/// A stream that must be read before a command can be decided, and how to fold it.
#[derive(Clone)]
pub struct Wanted {
    pub stream: StreamId,
    /// The shape of snapshots that `begin` can read.
    pub shape: i32,
    /// The state before the first event, or the one that a snapshot kept.
    pub begin: fn(Option<&RawValue>) -> Result<OwnState, serde_json::Error>,
}

impl Wanted {
    pub fn of<D: Decider>(id: &str) -> Self {
        Self {
            stream: StreamId { kind: D::KIND, id: id.into() },
            shape: i32::from(D::SHAPE),
            begin: |kept| {
                let state: D =
                    kept.map_or_else(|| Ok(D::default()), |kept| serde_json::from_str(kept.get()))?;
                Ok(Box::new(state))
            },
        }
    }
}

/// One stored event of a stream.
pub struct StoredEvent {
    pub name: String,
    pub version: String,
    pub payload: Box<RawValue>,
}

/// The events of a stream since its snapshot, or since its beginning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unsaved {
    events: u32,
    weight: usize,
}

impl Unsaved {
    pub fn add(&mut self, payload: &str) {
        self.events = self.events.saturating_add(1);
        self.weight += EVENT_WEIGHT + payload.len();
    }

    /// Whether the next reader had better begin with a snapshot than fold all these events: they are
    /// many, and they outweigh the state.
    pub fn outweighs(self, state_weight: usize) -> bool {
        self.events >= SNAPSHOT_EVENTS && self.weight > state_weight
    }
}
