//! What the documentation of EventStoreDB says of appending: which revision is expected, and what a repeat is.

use std::collections::BTreeMap;

use uuid::Uuid;

/// What a server takes in one call unless it is told otherwise.
pub const MAX_APPEND_BYTES: usize = 1 << 20;

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: Uuid,
    pub stream: String,
    pub revision: u64,
    /// Place in the log, from 0.
    pub position: u64,
    pub metadata: BTreeMap<String, String>,
    pub custom_metadata: Vec<u8>,
    pub data: Vec<u8>,
}

/// An event as it is sent.
#[derive(Debug, Clone)]
pub struct Proposed {
    pub id: Uuid,
    pub metadata: BTreeMap<String, String>,
    pub custom_metadata: Vec<u8>,
    pub data: Vec<u8>,
}

/// What a stream has to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    Any,
    NoStream,
    StreamExists,
    Exact(u64),
}

#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The stream ends with this revision.
    WrongExpectedVersion(Option<u64>),
    TooLarge,
}

#[derive(Debug, Default)]
struct Stream {
    /// Revisions in front of this one were deleted.
    first: u64,
    events: Vec<Kept>,
}

impl Stream {
    /// The revision that the next event gets.
    fn next(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    /// A stream that was deleted counts as none, and its revisions go on.
    fn last(&self) -> Option<u64> {
        (!self.events.is_empty()).then(|| self.next() - 1)
    }

    fn at(&self, revision: u64) -> Option<&Kept> {
        let index = usize::try_from(revision.checked_sub(self.first)?).ok()?;
        self.events.get(index)
    }
}

/// All streams.
#[derive(Debug, Default)]
pub struct Streams {
    streams: BTreeMap<String, Stream>,
    written: u64,
}

impl Streams {
    /// The revision of the last event, also of those that are there already.
    pub fn append(&mut self, name: &str, expected: Expected, events: Vec<Proposed>) -> Result<u64, Refused> {
        if events.iter().map(size).sum::<usize>() > MAX_APPEND_BYTES {
            return Err(Refused::TooLarge);
        }
        let stream = self.streams.entry(name.to_owned()).or_default();
        let (next, last) = (stream.next(), stream.last());
        // Where the first event would be if this is a repeat.
        let repeated_at = match expected {
            Expected::NoStream if last.is_none() => None,
            Expected::NoStream => Some(0),
            Expected::Exact(revision) if revision + 1 == next => None,
            Expected::Exact(revision) => Some(revision + 1),
            Expected::StreamExists if last.is_none() => return Err(Refused::WrongExpectedVersion(None)),
            Expected::Any | Expected::StreamExists => {
                let first = events.first().map(|event| event.id);
                stream.events.iter().find(|kept| Some(kept.id) == first).map(|kept| kept.revision)
            }
        };
        if let Some(begin) = repeated_at {
            // The same events in the same places, all of them.
            let is_there = |(revision, event): (u64, &Proposed)| {
                stream.at(revision).is_some_and(|kept| kept.id == event.id)
            };
            return match (begin..).zip(&events).all(is_there) {
                true if !events.is_empty() => Ok(begin + events.len() as u64 - 1),
                _ => Err(Refused::WrongExpectedVersion(last)),
            };
        }
        for (revision, event) in (next..).zip(events) {
            let Proposed { id, metadata, custom_metadata, data } = event;
            let (stream_name, position) = (name.to_owned(), self.written);
            let kept = Kept { id, stream: stream_name, revision, position, metadata, custom_metadata, data };
            stream.events.push(kept);
            self.written += 1;
        }
        stream.last().ok_or(Refused::WrongExpectedVersion(None))
    }

    /// What a stream has from a revision on; `None`, if there is no such stream.
    pub fn read(&self, name: &str, from: u64) -> Option<&[Kept]> {
        let stream = self.streams.get(name).filter(|stream| !stream.events.is_empty())?;
        let skipped = usize::try_from(from.saturating_sub(stream.first)).unwrap_or(usize::MAX);
        Some(stream.events.get(skipped..).unwrap_or_default())
    }

    /// Everything, in the order in which it came.
    pub fn all(&self) -> Vec<Kept> {
        let mut all: Vec<Kept> = self.streams.values().flat_map(|stream| &stream.events).cloned().collect();
        all.sort_by_key(|kept| kept.position);
        all
    }

    /// As an operator deletes a stream.
    pub fn delete(&mut self, name: &str) {
        if let Some(stream) = self.streams.get_mut(name) {
            stream.first = stream.next();
            stream.events.clear();
        }
    }

    /// As a backup is played back that ends in front of this revision.
    pub fn cut(&mut self, name: &str, from: u64) {
        if let Some(stream) = self.streams.get_mut(name) {
            stream.events.retain(|kept| kept.revision < from);
        }
    }
}

fn size(event: &Proposed) -> usize {
    let r#type = event.metadata.get("type").map_or(0, String::len);
    2 * r#type + event.custom_metadata.len() + event.data.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(id: u128) -> Proposed {
        let (metadata, custom_metadata) = (BTreeMap::new(), Vec::new());
        Proposed { id: Uuid::from_u128(id), metadata, custom_metadata, data: vec![0; 10] }
    }

    /// What comes of this call at a stream with the events 1 and 2.
    fn appended(expected: Expected, ids: &[u128]) -> Result<u64, Refused> {
        let mut streams = Streams::default();
        let there = streams.append("a", Expected::NoStream, vec![proposed(1), proposed(2)]);
        assert_eq!(there, Ok(1));
        let appended = streams.append("a", expected, ids.iter().map(|id| proposed(*id)).collect());
        let kept: Vec<u64> = streams.all().iter().map(|kept| kept.revision).collect();
        assert_eq!(kept, (0..kept.len() as u64).collect::<Vec<_>>());
        appended
    }

    #[test]
    fn an_append_says_what_it_expects() {
        let wrong = Err(Refused::WrongExpectedVersion(Some(1)));
        assert_eq!(appended(Expected::Exact(1), &[3]), Ok(2));
        assert_eq!(appended(Expected::Exact(0), &[3]), wrong);
        assert_eq!(appended(Expected::Exact(2), &[3]), wrong);
        assert_eq!(appended(Expected::NoStream, &[3]), wrong);
        assert_eq!(appended(Expected::StreamExists, &[3]), Ok(2));
        assert_eq!(appended(Expected::Any, &[3, 4]), Ok(3));
        let mut none = Streams::default();
        let refused = none.append("b", Expected::StreamExists, vec![proposed(1)]);
        assert_eq!(refused, Err(Refused::WrongExpectedVersion(None)));
        assert_eq!(
            none.append("b", Expected::Exact(0), vec![proposed(1)]),
            Err(Refused::WrongExpectedVersion(None))
        );
    }

    #[test]
    fn a_repeat_is_told_by_its_ids_and_changes_nothing() {
        assert_eq!(appended(Expected::NoStream, &[1, 2]), Ok(1));
        assert_eq!(appended(Expected::NoStream, &[1]), Ok(0));
        assert_eq!(appended(Expected::Exact(0), &[2]), Ok(1));
        assert_eq!(appended(Expected::Any, &[1, 2]), Ok(1));
        assert_eq!(appended(Expected::StreamExists, &[2]), Ok(1));
    }

    /// The part that is new isn't taken.
    #[test]
    fn a_repeat_of_a_part_is_refused() {
        let wrong = Err(Refused::WrongExpectedVersion(Some(1)));
        assert_eq!(appended(Expected::NoStream, &[1, 2, 3]), wrong);
        assert_eq!(appended(Expected::NoStream, &[2, 1]), wrong);
        assert_eq!(appended(Expected::Exact(0), &[2, 3]), wrong);
        assert_eq!(appended(Expected::Any, &[2, 3]), wrong);
    }

    #[test]
    fn a_stream_that_was_deleted_counts_on() {
        let mut streams = Streams::default();
        streams.append("a", Expected::Any, vec![proposed(1), proposed(2)]).expect("appended");
        streams.delete("a");
        assert_eq!(streams.read("a", 0), None);
        assert_eq!(streams.append("a", Expected::NoStream, vec![proposed(3)]), Ok(2));
        let read = streams.read("a", 0).expect("there is one");
        assert_eq!(read.iter().map(|kept| kept.revision).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn what_is_too_large_is_refused() {
        let large = Proposed { data: vec![0; MAX_APPEND_BYTES + 1], ..proposed(1) };
        assert_eq!(Streams::default().append("a", Expected::Any, vec![large]), Err(Refused::TooLarge));
    }
}
