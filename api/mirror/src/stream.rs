//! One stream of the other system: its events are appended behind each other, and found again.

use daybook_projections::Untold;
use uuid::Uuid;

use crate::{
    connection::{Appended, Connection},
    wire::{self, Event},
};

/// What isn't appended is compared, and its rest appended once more. It takes another writer to need more.
const TRIES: usize = 2;

pub struct Stream<'a> {
    pub connection: &'a Connection,
    pub name: &'a str,
}

impl Stream<'_> {
    /// Returns when it has all of them in their places. They follow each other.
    pub async fn append(&self, mut events: &[Event]) -> Result<(), Untold> {
        while !events.is_empty() {
            let call = wire::call(events);
            self.append_call(call).await?;
            events = &events[call.len()..];
        }
        Ok(())
    }

    /// Fails if the stream has something else in the event's place, or nothing.
    pub async fn look_for(&self, event: &Event) -> Result<(), Untold> {
        match self.count_there(std::slice::from_ref(event)).await? {
            0 => Err(self.diverged(event, None)),
            _ => Ok(()),
        }
    }

    /// The server itself takes a call that it has had for done. It refuses one of which it has the first part only, as it
    /// comes after a restart: the same events in other calls.
    async fn append_call(&self, events: &[Event]) -> Result<(), Untold> {
        let mut rest = events;
        for _ in 0..TRIES {
            let last = rest.last().map(|event| event.revision);
            match self.connection.append(self.name, rest).await? {
                Appended::UpTo(revision) if Some(revision) == last => return Ok(()),
                Appended::UpTo(_) | Appended::Refused => {}
            }
            let there = self.count_there(rest).await?;
            rest = &rest[there..];
            match rest.first() {
                None => return Ok(()),
                Some(first) if there == 0 => return Err(self.diverged(first, None)),
                Some(_) => {}
            }
        }
        Err(Untold::failed("others write to a stream that is mirrored", self.name))
    }

    /// How many of them are in their places, from the first one on.
    async fn count_there(&self, events: &[Event]) -> Result<usize, Untold> {
        let Some(first) = events.first() else { return Ok(0) };
        let found = self.connection.read(self.name, first.revision, events.len()).await?;
        let mut there = 0;
        for (event, (revision, id)) in events.iter().zip(found) {
            if revision != event.revision {
                break;
            }
            if id != event.id {
                return Err(self.diverged(event, Some(id)));
            }
            there += 1;
        }
        Ok(there)
    }

    fn diverged(&self, event: &Event, other: Option<Uuid>) -> Untold {
        let (name, Event { id, revision, .. }) = (self.name, event);
        let other = other.map_or("has none there".to_owned(), |other| format!("has event {other}"));
        Untold::Diverged(format!(
            "stream {name}, revision {revision}: the log has event {id}, the other system {other}"
        ))
    }
}
