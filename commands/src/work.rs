//! What one command sees and does: states of streams, changed as events are decided.
//!
//! Changes go straight into the working set, so the next command of the batch sees them; a command
//! that is refused takes its own back.

use std::{any::Any, sync::Arc};

use daybook_domain::{Decider, Rejection, stored::encode};
use uuid::Uuid;

use crate::{
    context::Context,
    error::Refusal,
    host,
    state::{StreamId, Unsaved, Wanted},
    working_set::{Epoch, Expectation, Expectations, StreamState, Version, WorkingSet},
};

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

/// One command's view of the working set.
pub struct Work<'a> {
    set: &'a mut WorkingSet,
    expectations: &'a mut Expectations,
    context: &'a Context,
    events: Vec<NewEvent>,
    /// Streams that are due for a snapshot.
    due: Vec<StreamId>,
    begun: Vec<StreamId>,
    /// What was there before this command changed it, in order.
    undo: Vec<(StreamId, Option<StreamState>)>,
}

/// The state of a stream as a command sees it, of the type that it has.
struct Observed<D> {
    version: Version,
    state: Arc<D>,
    stream: StreamId,
    epoch: Epoch,
    unsaved: Unsaved,
}

impl<'a> Work<'a> {
    pub fn new(set: &'a mut WorkingSet, expectations: &'a mut Expectations, context: &'a Context) -> Self {
        Self {
            set,
            expectations,
            context,
            events: Vec::new(),
            due: vec![],
            begun: Vec::new(),
            undo: Vec::new(),
        }
    }

    /// Makes sure that all of these can be read: one load for all that are missing. Those that are there
    /// count as used, so they still are when the others come.
    pub fn need(&mut self, wanted: impl IntoIterator<Item = Wanted>) -> Result<(), Halt> {
        let missing: Vec<Wanted> =
            wanted.into_iter().filter(|wanted| self.set.get(&wanted.stream).is_none()).collect();
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
            self.set.insert(stream, StreamState::new(Version::NONE, state, Epoch::NEVER, unsaved));
        }
    }

    /// The state of a stream, which the batch depends on from now on.
    pub fn state<D: Decider>(&mut self, id: &str) -> Result<Arc<D>, Halt> {
        Ok(self.look::<D>(id)?.state)
    }

    /// The same, with the stream's sequence.
    pub fn versioned<D: Decider>(&mut self, id: &str) -> Result<(i64, Arc<D>), Halt> {
        let Observed { version, state, .. } = self.look::<D>(id)?;
        Ok((version.sequence, state))
    }

    /// The stream's sequence, 0 if it has no events.
    pub fn version<D: Decider>(&mut self, id: &str) -> Result<i64, Halt> {
        Ok(self.look::<D>(id)?.version.sequence)
    }

    /// Refuses if the stream is not at one of the versions that the client saw.
    pub fn expect_version<D: Decider>(&mut self, id: &str, expected: Option<&[i64]>) -> Result<(), Halt> {
        let Some(expected) = expected else { return Ok(()) };
        let actual = self.version::<D>(id)?;
        if expected.contains(&actual) { Ok(()) } else { Err(Refusal::stale(expected, actual).into()) }
    }

    /// Decides `command` on the stream and collects its events.
    pub fn execute<D: Decider>(&mut self, id: &str, command: D::Command) -> Result<(), Halt> {
        self.try_execute::<D>(id, command)?.map_err(|rejection| self.refused(&rejection).into())
    }

    /// What a rule has refused, as far as the caller may be told.
    pub fn refused(&self, rejection: &impl Rejection) -> Refusal {
        Refusal::rejected(rejection, &self.context.actor)
    }

    /// The same, for callers who have more to say about a rejection.
    pub fn try_execute<D: Decider>(
        &mut self,
        id: &str,
        command: D::Command,
    ) -> Result<Result<(), D::Rejection>, Halt> {
        let Observed { mut version, state, stream, epoch, mut unsaved } = self.look::<D>(id)?;
        let decided = match host::execute(id, &state, command) {
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
        let after = StreamState::new(version, decided.state, epoch, unsaved);
        if after.is_due() {
            self.due.push(stream.clone());
        }
        let before = self.set.insert(stream.clone(), after);
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
                Some(state) => drop(self.set.insert(stream, state)),
                None => self.set.forget([&stream]),
            }
        }
    }

    fn look<D: Decider>(&mut self, id: &str) -> Result<Observed<D>, Halt> {
        let wanted = Wanted::of::<D>(id);
        let Some(known) = self.set.get(&wanted.stream) else {
            return Err(Halt::Missing(vec![wanted]));
        };
        let state: Arc<dyn Any + Send + Sync> = known.state.clone();
        let state = state
            .downcast::<D>()
            .map_err(|_| Halt::Broken(format!("{:?} holds a foreign state", wanted.stream)))?;
        let StreamState { version, epoch, unsaved, .. } = *known;
        let stream = wanted.stream.clone();
        if !self.begun.contains(&stream) {
            self.expectations.entry(stream.clone()).or_insert(Expectation { version, epoch, wanted });
        }
        Ok(Observed { version, state, stream, epoch, unsaved })
    }

    /// The command's UUIDv7 with the event's number, from 1, as its last two bytes: the same event has
    /// the same id however often it is decided.
    fn next_event_id(&self) -> Uuid {
        let number = u16::try_from(self.events.len() + 1).expect("a command has fewer than 65,536 events");
        let mut bytes = *self.context.command_id.as_bytes();
        bytes[14..].copy_from_slice(&number.to_be_bytes());
        Uuid::from_bytes(bytes)
    }
}
