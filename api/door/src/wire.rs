//! What is said, as the protocol has it: pure functions. Both positions of the protocol are our position.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use daybook_core::eventstoredb::{
    CONTENT_TYPE, CustomMetadata, JSON, TYPE, data, revision, stream_name, unsigned,
};
use daybook_domain::{Position, published::Published};
use prost_types::Timestamp;
use uuid::Uuid;

use crate::protocol::{
    self, StreamIdentifier,
    streams::{
        ReadResp,
        read_resp::{
            self, CaughtUp, Checkpoint, ReadEvent, StreamNotFound, SubscriptionConfirmation,
            read_event::{self, RecordedEvent},
        },
    },
    uuid::{Structured, Value},
};

/// The type of an event that is a link to another one.
const LINK: &str = "$>";

/// In which form a client wants events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    pub ids: Ids,
    /// `None`: its stream has events and not links to them.
    pub links: Option<Links>,
}

/// How ids are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    Text,
    Numbers,
}

/// Links to the events of other streams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    /// The name of the stream that the links are in.
    pub stream: String,
    /// They are sent with the events that they lead to.
    pub resolved: bool,
}

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    InLog(Position),
    /// `None`: the stream is empty.
    InStream(Option<i64>),
}

pub fn event(event: Published<'_>, form: &Form) -> ReadResp {
    let position = event.position;
    let link = form.links.as_ref().map(|links| link(&event, &links.stream, form.ids));
    let (event, link) = match (link, &form.links) {
        (Some(link), Some(Links { resolved: false, .. })) => (link, None),
        (link, _) => (recorded(event, form.ids), link),
    };
    content(read_resp::Content::Event(ReadEvent {
        event: Some(event),
        link,
        position: Some(read_event::Position::CommitPosition(unsigned(position.0))),
    }))
}

fn recorded(event: Published<'_>, ids: Ids) -> RecordedEvent {
    let custom_metadata = serde_json::to_vec(&CustomMetadata::of(&event)).expect("string keys");
    RecordedEvent {
        id: Some(id(event.event_id, ids)),
        stream_identifier: Some(identifier(stream_name(&event.stream))),
        stream_revision: revision(&event),
        prepare_position: unsigned(event.position.0),
        commit_position: unsigned(event.position.0),
        metadata: metadata(event.r#type, JSON, event.recorded_at),
        custom_metadata: custom_metadata.into(),
        data: data(event.payload).into(),
    }
}

/// The link to an event in the stream of all that are of its kind, or of its type. Revisions there are positions, so
/// they grow, with holes. A link has no id of its own.
fn link(event: &Published<'_>, stream: &str, ids: Ids) -> RecordedEvent {
    let revision = revision(event);
    RecordedEvent {
        id: Some(id(event.event_id, ids)),
        stream_identifier: Some(identifier(stream.to_owned())),
        stream_revision: unsigned(event.position.0),
        prepare_position: unsigned(event.position.0),
        commit_position: unsigned(event.position.0),
        metadata: metadata(LINK, "application/octet-stream", event.recorded_at),
        custom_metadata: Bytes::new(),
        data: format!("{revision}@{}", stream_name(&event.stream)).into(),
    }
}

pub fn confirmation(subscription: Uuid) -> ReadResp {
    let subscription_id = subscription.to_string();
    content(read_resp::Content::Confirmation(SubscriptionConfirmation { subscription_id }))
}

/// Everything up to `position` was sent, or wasn't chosen.
pub fn checkpoint(position: Position, now: DateTime<Utc>) -> ReadResp {
    let position = unsigned(position.0);
    content(read_resp::Content::Checkpoint(Checkpoint {
        commit_position: position,
        prepare_position: position,
        timestamp: Some(timestamp(now)),
    }))
}

pub fn caught_up(place: Place, now: DateTime<Utc>) -> ReadResp {
    let (position, stream_revision) = match place {
        Place::InLog(Position::START) => (None, None),
        Place::InLog(Position(position)) => {
            let position = unsigned(position);
            (Some(read_resp::Position { commit_position: position, prepare_position: position }), None)
        }
        Place::InStream(revision) => (None, revision),
    };
    content(read_resp::Content::CaughtUp(CaughtUp {
        timestamp: Some(timestamp(now)),
        stream_revision,
        position,
    }))
}

pub fn stream_not_found(name: String) -> ReadResp {
    let stream_identifier = Some(identifier(name));
    content(read_resp::Content::StreamNotFound(StreamNotFound { stream_identifier }))
}

pub fn last_stream_position(revision: i64) -> ReadResp {
    content(read_resp::Content::LastStreamPosition(unsigned(revision)))
}

pub fn id(id: Uuid, form: Ids) -> protocol::Uuid {
    let value = match form {
        Ids::Text => Value::String(id.to_string()),
        Ids::Numbers => {
            let (high, low) = id.as_u64_pair();
            Value::Structured(Structured {
                most_significant_bits: high.cast_signed(),
                least_significant_bits: low.cast_signed(),
            })
        }
    };
    protocol::Uuid { value: Some(value) }
}

/// Ticks of 100 ns since 1970.
pub fn ticks(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros().saturating_mul(10)
}

fn content(content: read_resp::Content) -> ReadResp {
    ReadResp { content: Some(content) }
}

fn identifier(name: String) -> StreamIdentifier {
    StreamIdentifier { stream_name: name.into() }
}

fn metadata(r#type: &str, content_type: &str, created: DateTime<Utc>) -> BTreeMap<String, String> {
    BTreeMap::from([
        (CONTENT_TYPE.to_owned(), content_type.to_owned()),
        ("created".to_owned(), ticks(created).to_string()),
        (TYPE.to_owned(), r#type.to_owned()),
    ])
}

fn timestamp(time: DateTime<Utc>) -> Timestamp {
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or(0);
    Timestamp { seconds: time.timestamp(), nanos }
}

#[cfg(test)]
mod tests;
