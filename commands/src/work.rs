//! What one command sees and does: states of streams, changed as events are decided.
//!
//! Changes go straight into the working set, so the next command of the batch sees them; a command
//! that is refused takes its own back.

#[cfg(test)]
mod tests;

use std::{any::Any, collections::HashMap, num::NonZeroUsize, sync::Arc};

use daybook_domain::{Decider, stored::encode};
use lru::LruCache;
use uuid::Uuid;

use crate::{
    host,
    outcome::Refusal,
    state::{AnyState, Unsaved},
};

pub use crate::state::{StreamId, Wanted};

/// Where a stream stands. The event's id belongs to it: after a refusal another process may have
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
pub struct Standing {
    pub version: Version,
    pub state: AnyState,
    /// When this was last known to be the newest.
    pub epoch: Epoch,
    pub unsaved: Unsaved,
    /// Of the state, which is asked only once.
    weight: usize,
}

impl Standing {
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
        STANDING_BYTES + self.weight
    }
}

/// A standing without its state: its stream's name, its place in the set, what allocating costs.
const STANDING_BYTES: usize = 256;

/// Counts how often this process found that others had appended. What was known to be the newest in
/// the present epoch still is, unless somebody has appended since this process last looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch(u64);

impl Epoch {
    /// Of states that are never taken on trust.
    pub const NEVER: Self = Self(0);
    pub const FIRST: Self = Self(1);

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An event that was decided and waits to be appended.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub stream: StreamId,
    pub sequence: i64,
    pub event_id: Uuid,
    pub name: &'static str,
    pub version: u16,
    pub payload: String,
}

/// Why a command can't be decided to its end.
pub enum Halt {
    /// These streams must be loaded first.
    Missing(Vec<Wanted>),
    Refused(Refusal),
    /// A defect.
    Broken(String),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<serde_json::Error> for Halt {
    fn from(error: serde_json::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// The newest states of recently used streams, those of batches under way included. Bounded by their
/// number and weight when it is trimmed; what falls out is read from the log again.
pub struct WorkingSet {
    standings: LruCache<StreamId, Standing>,
    /// Of all of them.
    bytes: usize,
    max_streams: usize,
    max_bytes: usize,
}

impl WorkingSet {
    pub fn new(max_streams: NonZeroUsize, max_bytes: usize) -> Self {
        Self { max_streams: max_streams.get(), max_bytes, ..Self::unbounded() }
    }

    /// For a single batch, which is bounded itself.
    pub fn unbounded() -> Self {
        Self { standings: LruCache::unbounded(), bytes: 0, max_streams: usize::MAX, max_bytes: usize::MAX }
    }

    /// Lets go of what was not used for longest. Streams of `ahead` stay: read from the log, they would
    /// lack what is about to be appended.
    pub fn trim(&mut self, ahead: &Basis) {
        let (mut spared, mut spared_bytes) = (Vec::new(), 0);
        while self.standings.len() + spared.len() > self.max_streams
            || self.bytes + spared_bytes > self.max_bytes
        {
            let Some((stream, standing)) = self.pop_oldest() else { break };
            if ahead.contains_key(&stream) {
                spared_bytes += standing.bytes();
                spared.push((stream, standing));
            }
        }
        for (stream, standing) in spared {
            self.insert(stream, standing);
        }
    }

    /// Returns what was there before.
    pub fn insert(&mut self, stream: StreamId, standing: Standing) -> Option<Standing> {
        self.bytes += standing.bytes();
        let before = self.standings.put(stream, standing);
        self.bytes -= before.as_ref().map_or(0, Standing::bytes);
        before
    }

    fn pop_oldest(&mut self) -> Option<(StreamId, Standing)> {
        let (stream, standing) = self.standings.pop_lru()?;
        self.bytes -= standing.bytes();
        Some((stream, standing))
    }

    /// About how many bytes it keeps in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn contains(&self, stream: &StreamId) -> bool {
        self.standings.contains(stream)
    }

    pub fn forget<'a>(&mut self, streams: impl IntoIterator<Item = &'a StreamId>) {
        for stream in streams {
            self.bytes -= self.standings.pop(stream).map_or(0, |standing| standing.bytes());
        }
    }

    /// These were the newest a moment ago.
    pub fn confirm<'a>(&mut self, streams: impl IntoIterator<Item = &'a StreamId>, epoch: Epoch) {
        for stream in streams {
            if let Some(standing) = self.standings.peek_mut(stream) {
                standing.epoch = epoch;
            }
        }
    }

    pub fn standings_mut(&mut self) -> impl Iterator<Item = (&StreamId, &mut Standing)> {
        self.standings.iter_mut()
    }

    pub fn get_mut(&mut self, stream: &StreamId) -> Option<&mut Standing> {
        self.standings.peek_mut(stream)
    }

    pub fn clear(&mut self) {
        self.standings.clear();
        self.bytes = 0;
    }

    /// Moves everything into `other`.
    pub fn drain_into(mut self, other: &mut Self) {
        while let Some((stream, standing)) = self.pop_oldest() {
            other.insert(stream, standing);
        }
    }
}

impl Default for WorkingSet {
    fn default() -> Self {
        Self::unbounded()
    }
}

/// The streams that a batch rests on: where each stood when the batch first looked at it.
pub type Basis = HashMap<StreamId, Footing>;

pub struct Footing {
    pub version: Version,
    pub epoch: Epoch,
    /// How to read the stream again.
    pub wanted: Wanted,
}

/// One command's view of the working set.
pub struct Work<'a> {
    set: &'a mut WorkingSet,
    basis: &'a mut Basis,
    command_id: Uuid,
    events: Vec<NewEvent>,
    /// Streams that are due for a snapshot.
    due: Vec<StreamId>,
    begun: Vec<StreamId>,
    /// What was there before this command changed it, in order.
    undo: Vec<(StreamId, Option<Standing>)>,
}

/// A standing, its state known for what it is.
struct Looked<D> {
    version: Version,
    state: Arc<D>,
    stream: StreamId,
    epoch: Epoch,
    unsaved: Unsaved,
}

impl<'a> Work<'a> {
    pub fn new(set: &'a mut WorkingSet, basis: &'a mut Basis, command_id: Uuid) -> Self {
        Self { set, basis, command_id, events: Vec::new(), due: vec![], begun: Vec::new(), undo: Vec::new() }
    }

    /// Makes sure that all of these can be read: one load for all that are missing. Those that are there
    /// count as used, so they still are when the others come.
    pub fn need(&mut self, wanted: impl IntoIterator<Item = Wanted>) -> Result<(), Halt> {
        let missing: Vec<Wanted> =
            wanted.into_iter().filter(|wanted| self.set.standings.get(&wanted.stream).is_none()).collect();
        if missing.is_empty() { Ok(()) } else { Err(Halt::Missing(missing)) }
    }

    /// A stream whose id was made for this command, so that there is nothing to load, and nothing to
    /// expect of it either: the log's primary key sees to it that it is new.
    pub fn begin<D: Decider>(&mut self, id: &str) {
        let stream = StreamId { kind: D::KIND, id: id.into() };
        if !self.set.contains(&stream) {
            self.undo.push((stream.clone(), None));
            self.begun.push(stream.clone());
            let (state, unsaved) = (Arc::new(D::default()), Unsaved::default());
            self.set.insert(stream, Standing::new(Version::NONE, state, Epoch::NEVER, unsaved));
        }
    }

    /// The state of a stream, which the batch rests on from now on.
    pub fn state<D: Decider>(&mut self, id: &str) -> Result<Arc<D>, Halt> {
        Ok(self.look::<D>(id)?.state)
    }

    /// The stream's sequence, 0 if it has no events.
    pub fn version<D: Decider>(&mut self, id: &str) -> Result<i64, Halt> {
        Ok(self.look::<D>(id)?.version.sequence)
    }

    /// Refuses if the stream is not at the version that the client saw.
    pub fn expect_version<D: Decider>(&mut self, id: &str, expected: Option<i64>) -> Result<(), Halt> {
        let Some(expected) = expected else { return Ok(()) };
        let actual = self.version::<D>(id)?;
        if actual == expected { Ok(()) } else { Err(Refusal::stale(expected, actual).into()) }
    }

    /// Decides `command` on the stream and collects its events.
    pub fn execute<D: Decider>(&mut self, id: &str, command: D::Command) -> Result<(), Halt> {
        self.try_execute::<D>(id, command)?.map_err(|rejection| Refusal::rejected(&rejection).into())
    }

    /// The same, for callers who have more to say about a rejection.
    pub fn try_execute<D: Decider>(
        &mut self,
        id: &str,
        command: D::Command,
    ) -> Result<Result<(), D::Rejection>, Halt> {
        let Looked { mut version, state, stream, epoch, mut unsaved } = self.look::<D>(id)?;
        let decided = match host::execute(id, &*state, command) {
            Ok(decided) => decided,
            Err(rejection) => return Ok(Err(rejection)),
        };
        if decided.events.is_empty() {
            return Ok(Ok(()));
        }
        for event in &decided.events {
            let event_id = self.next_event_id();
            version = Version { sequence: version.sequence + 1, event_id: Some(event_id) };
            let stored = encode(event);
            unsaved.add(&stored.payload);
            self.events.push(NewEvent {
                stream: stream.clone(),
                sequence: version.sequence,
                event_id,
                name: stored.name,
                version: stored.version,
                payload: stored.payload,
            });
        }
        let standing = Standing::new(version, Arc::new(decided.state), epoch, unsaved);
        if standing.is_due() {
            self.due.push(stream.clone());
        }
        let before = self.set.insert(stream.clone(), standing);
        self.undo.push((stream, before));
        Ok(Ok(()))
    }

    /// The events of this command, which stay, and the streams that are due for a snapshot now.
    pub fn keep(self) -> (Vec<NewEvent>, Vec<StreamId>) {
        (self.events, self.due)
    }

    /// Leaves the working set as this command found it.
    pub fn take_back(self) {
        for (stream, before) in self.undo.into_iter().rev() {
            match before {
                Some(standing) => drop(self.set.insert(stream, standing)),
                None => self.set.forget([&stream]),
            }
        }
    }

    fn look<D: Decider>(&mut self, id: &str) -> Result<Looked<D>, Halt> {
        let wanted = Wanted::of::<D>(id);
        let Some(standing) = self.set.standings.get(&wanted.stream) else {
            return Err(Halt::Missing(vec![wanted]));
        };
        let state: Arc<dyn Any + Send + Sync> = standing.state.clone();
        let state = state
            .downcast::<D>()
            .map_err(|_| Halt::Broken(format!("{:?} holds a foreign state", wanted.stream)))?;
        let Standing { version, epoch, unsaved, .. } = *standing;
        let stream = wanted.stream.clone();
        if !self.begun.contains(&stream) {
            self.basis.entry(stream.clone()).or_insert(Footing { version, epoch, wanted });
        }
        Ok(Looked { version, state, stream, epoch, unsaved })
    }

    /// The command's UUIDv7 with the event's number, from 1, as its last two bytes: the same event has
    /// the same id however often it is decided.
    fn next_event_id(&self) -> Uuid {
        let number = u16::try_from(self.events.len() + 1).expect("a command has fewer than 65,536 events");
        let mut bytes = *self.command_id.as_bytes();
        bytes[14..].copy_from_slice(&number.to_be_bytes());
        Uuid::from_bytes(bytes)
    }
}
