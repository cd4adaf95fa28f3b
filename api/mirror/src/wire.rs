//! What is said and heard, as the protocol has it: pure functions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_core::eventstoredb::{CONTENT_TYPE, CustomMetadata, JSON, TYPE, data, revision, stream_name};
use daybook_domain::{Position, published::Published};
use serde::Serialize;
use uuid::Uuid;

use crate::protocol::{
    self, Empty, StreamIdentifier,
    streams::{
        AppendReq, ReadReq,
        append_req::{self, Content, ProposedMessage, options::ExpectedStreamRevision},
        read_req::{
            self,
            options::{
                CountOption, FilterOption, ReadDirection, StreamOption, StreamOptions, UuidOption,
                stream_options::RevisionOption, uuid_option,
            },
        },
    },
    uuid::{Structured, Value},
};

/// A server takes 1 MiB at once, unless it is told otherwise. An event that is larger is sent alone.
const CALL_BYTES: usize = 960 << 10;
const CALL_EVENTS: usize = 256;
/// What a server needs for an event beside its texts, at most.
const BESIDE_BYTES: usize = 128;

/// An event of a stream.
#[derive(Debug, Clone)]
pub struct Event {
    pub id: Uuid,
    /// Place in the stream, from 0.
    pub revision: u64,
    pub message: ProposedMessage,
}

/// What others are told beside the event. Where it is in the log and when that was, the other system wouldn't know: it
/// has positions and times of its own.
#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(flatten)]
    custom: CustomMetadata<'a>,
    position: Position,
    recorded_at: DateTime<Utc>,
}

pub fn name(event: &Published<'_>) -> String {
    stream_name(&event.stream)
}

pub fn event(event: Published<'_>) -> Event {
    let Published { position, recorded_at, .. } = event;
    let metadata = Metadata { custom: CustomMetadata::of(&event), position, recorded_at };
    let custom_metadata = serde_json::to_vec(&metadata).expect("string keys");
    Event {
        id: event.event_id,
        revision: revision(&event),
        message: ProposedMessage {
            id: Some(protocol::Uuid { value: Some(Value::String(event.event_id.to_string())) }),
            metadata: BTreeMap::from([
                (CONTENT_TYPE.to_owned(), JSON.to_owned()),
                (TYPE.to_owned(), event.r#type.to_owned()),
            ]),
            custom_metadata: custom_metadata.into(),
            data: data(event.payload).into(),
        },
    }
}

/// The first of these events that go in one call: one at least, if there are any.
pub fn call(events: &[Event]) -> &[Event] {
    let mut bytes = 0;
    let fits = |event: &&Event| {
        let ProposedMessage { metadata, custom_metadata, data, .. } = &event.message;
        let metadata: usize = metadata.values().map(|value| 2 * value.len()).sum();
        bytes += metadata + custom_metadata.len() + data.len() + BESIDE_BYTES;
        bytes <= CALL_BYTES
    };
    let count = events.iter().take(CALL_EVENTS).take_while(fits).count();
    &events[..count.max(1).min(events.len())]
}

/// What a call says that appends events to a stream, which has to end in front of the first one.
pub fn append(stream: &str, events: &[Event]) -> Vec<AppendReq> {
    let first = events.first().map_or(0, |event| event.revision);
    let expected = match first.checked_sub(1) {
        None => ExpectedStreamRevision::NoStream(Empty {}),
        Some(last) => ExpectedStreamRevision::Revision(last),
    };
    let options = append_req::Options {
        stream_identifier: Some(identifier(stream)),
        expected_stream_revision: Some(expected),
    };
    let messages = events.iter().map(|event| Content::ProposedMessage(event.message.clone()));
    let contents = std::iter::once(Content::Options(options)).chain(messages);
    contents.map(|content| AppendReq { content: Some(content) }).collect()
}

/// Asks for so many events of a stream from a revision on.
pub fn read(stream: &str, from: u64, count: usize) -> ReadReq {
    let text = uuid_option::Content::String(Empty {});
    ReadReq {
        options: Some(read_req::Options {
            stream_option: Some(StreamOption::Stream(StreamOptions {
                stream_identifier: Some(identifier(stream)),
                revision_option: Some(RevisionOption::Revision(from)),
            })),
            read_direction: ReadDirection::Forwards.into(),
            count_option: Some(CountOption::Count(count as u64)),
            filter_option: Some(FilterOption::NoFilter(Empty {})),
            uuid_option: Some(UuidOption { content: Some(text) }),
        }),
    }
}

pub fn id(id: protocol::Uuid) -> Option<Uuid> {
    match id.value? {
        Value::String(text) => text.parse().ok(),
        Value::Structured(Structured { most_significant_bits: high, least_significant_bits: low }) => {
            Some(Uuid::from_u64_pair(high.cast_unsigned(), low.cast_unsigned()))
        }
    }
}

fn identifier(name: &str) -> StreamIdentifier {
    StreamIdentifier { stream_name: name.as_bytes().to_vec().into() }
}

#[cfg(test)]
mod tests;
