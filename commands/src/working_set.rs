//! The newest states of the streams in use, and what a batch expects of those that it rests on.

#[cfg(test)]
mod tests;

use std::{collections::HashMap, num::NonZeroUsize};

use lru::LruCache;
use uuid::Uuid;

use crate::state::{AnyState, StreamId, Unsaved, Wanted};

/// The place of a stream's newest event. Its id is a part of it: after a refusal another process may have
/// written the same sequence with other content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub sequence: i64,
    pub event_id: Option<Uuid>,
}

impl Version {
    pub const NONE: Self = Self { sequence: 0, event_id: None };
}

/// A stream's newest state.
#[derive(Clone)]
pub struct StreamState {
    pub version: Version,
    pub state: AnyState,
    /// When this was last known to be the newest.
    pub epoch: Epoch,
    pub unsaved: Unsaved,
    /// Size of the state in bytes, computed once.
    weight: usize,
}

impl StreamState {
    pub fn new(version: Version, state: AnyState, epoch: Epoch, unsaved: Unsaved) -> Self {
        let weight = state.weight();
        Self { version, state, epoch, unsaved, weight }
    }

    /// Whether it is time for a snapshot of it.
    pub fn is_due(&self) -> bool {
        self.unsaved.outweighs(self.weight)
    }

    /// What it keeps in memory, about, bytes.
    fn bytes(&self) -> usize {
        STREAM_BYTES + self.weight
    }
}

/// A state without its state: its stream's name, its place in the set, what allocating costs.
const STREAM_BYTES: usize = 256;

/// Counts how often this process found that others had appended. What was known to be the newest in
/// the present epoch still is, unless another process has appended since this one last looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of states that are never assumed to be the newest.
    pub const NEVER: Self = Self(0);
    pub const FIRST: Self = Self(1);

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The newest states of recently used streams, those of batches under way included. Bounded by their
/// number and weight when it is trimmed; what falls out is read from the log again.
pub struct WorkingSet {
    streams: LruCache<StreamId, StreamState>,
    /// Size of all states together.
    bytes: usize,
    max_streams: usize,
    max_bytes: usize,
}

impl WorkingSet {
    pub fn new(max_streams: NonZeroUsize, max_bytes: usize) -> Self {
        Self { max_streams: max_streams.get(), max_bytes, ..Self::unbounded() }
    }

    /// A set without bounds, for a single batch, which is bounded itself.
    pub fn unbounded() -> Self {
        Self { streams: LruCache::unbounded(), bytes: 0, max_streams: usize::MAX, max_bytes: usize::MAX }
    }

    /// Lets go of what was not used for longest. Streams of `ahead` stay: read from the log, they would
    /// lack what is about to be appended.
    pub fn trim(&mut self, ahead: &Expectations) {
        let (mut spared, mut spared_bytes) = (Vec::new(), 0);
        while self.streams.len() + spared.len() > self.max_streams
            || self.bytes + spared_bytes > self.max_bytes
        {
            let Some((stream, state)) = self.pop_oldest() else { break };
            if ahead.contains_key(&stream) {
                spared_bytes += state.bytes();
                spared.push((stream, state));
            }
        }
        for (stream, state) in spared {
            self.insert(stream, state);
        }
    }

    /// Returns what was there before.
    pub fn insert(&mut self, stream: StreamId, state: StreamState) -> Option<StreamState> {
        self.bytes += state.bytes();
        let before = self.streams.put(stream, state);
        self.bytes -= before.as_ref().map_or(0, StreamState::bytes);
        before
    }

    fn pop_oldest(&mut self) -> Option<(StreamId, StreamState)> {
        let (stream, state) = self.streams.pop_lru()?;
        self.bytes -= state.bytes();
        Some((stream, state))
    }

    /// About how many bytes it keeps in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The stream's newest state, which counts as used.
    pub fn get(&mut self, stream: &StreamId) -> Option<&StreamState> {
        self.streams.get(stream)
    }

    pub fn contains(&self, stream: &StreamId) -> bool {
        self.streams.contains(stream)
    }

    pub fn forget<'a>(&mut self, streams: impl IntoIterator<Item = &'a StreamId>) {
        for stream in streams {
            self.bytes -= self.streams.pop(stream).map_or(0, |state| state.bytes());
        }
    }

    /// These were the newest a moment ago.
    pub fn confirm<'a>(&mut self, streams: impl IntoIterator<Item = &'a StreamId>, epoch: Epoch) {
        for stream in streams {
            if let Some(state) = self.streams.peek_mut(stream) {
                state.epoch = epoch;
            }
        }
    }

    pub fn states_mut(&mut self) -> impl Iterator<Item = (&StreamId, &mut StreamState)> {
        self.streams.iter_mut()
    }

    pub fn get_mut(&mut self, stream: &StreamId) -> Option<&mut StreamState> {
        self.streams.peek_mut(stream)
    }

    pub fn clear(&mut self) {
        self.streams.clear();
        self.bytes = 0;
    }

    /// Moves everything into `other`.
    pub fn drain_into(mut self, other: &mut Self) {
        while let Some((stream, state)) = self.pop_oldest() {
            other.insert(stream, state);
        }
    }
}

impl Default for WorkingSet {
    fn default() -> Self {
        Self::unbounded()
    }
}

/// The streams that a batch depends on, each with the version that the batch saw first.
pub type Expectations = HashMap<StreamId, Expectation>;

pub struct Expectation {
    pub version: Version,
    pub epoch: Epoch,
    /// How to read the stream again.
    pub wanted: Wanted,
}
