//! Public events: what other systems are told of the log.
//!
//! A stored event may change its shape from one release to the next; a public event is a promise to
//! others. This is the map from the one to the other: pure, total, and one to one, so that positions
//! and sequences have no gaps for a reader outside either. An event that is not public, or that this
//! release doesn't know, goes out as [`INTERNAL`].
//!
//! Nothing is public by accident: a member of a payload that no [`Field`] names, and metadata that
//! [`PUBLIC_METADATA`] doesn't name, stay inside. Personal data stays sealed.

mod accounts;
mod fields;
mod orders;
mod products;
mod public_type;
mod stock;
mod taxes;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::BTreeMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

pub use self::{
    fields::{Field, Shape},
    public_type::{INTERNAL, PublicType},
};
use crate::{
    Decider, Event, Position, Record, account::Account, order::Order, product::Product, stock::Stock,
    tax::Rates, upcast::Step,
};

/// The metadata of an event that are public: who caused it, by which request, and because of which event.
pub const PUBLIC_METADATA: &[&str] = &["actor", "cause", "request_id", "traceparent"];

/// A public event. It serializes as others read it, in every form and file: add members, never change
/// one.
#[derive(Debug, Serialize)]
pub struct Published<'a> {
    /// Place in the log, from 1, without gaps.
    pub position: Position,
    pub event_id: Uuid,
    /// Kind and id: `order/ord_…`.
    pub stream: String,
    /// Place in the stream, from 1, without gaps.
    pub sequence: i64,
    pub r#type: &'a str,
    pub version: u16,
    /// The stored bytes, where nothing in them had to change.
    pub payload: Cow<'a, RawValue>,
    pub metadata: BTreeMap<&'a str, &'a str>,
    /// RFC 3339, UTC.
    pub recorded_at: DateTime<Utc>,
}

/// A kind of stream of which others are told.
struct Family {
    kind: &'static str,
    steps: &'static [Step],
    types: &'static [PublicType],
}

/// A kind that is not in here is internal.
const FAMILIES: &[Family] = &[
    family::<Product>(products::TYPES),
    family::<Stock>(stock::TYPES),
    family::<Order>(orders::TYPES),
    family::<Account>(accounts::TYPES),
    family::<Rates>(taxes::TYPES),
];

const fn family<D: Decider>(types: &'static [PublicType]) -> Family {
    Family { kind: D::KIND, steps: <D::Event as Event>::STEPS, types }
}

/// What others are told of a record. Never fails.
#[must_use]
pub fn publish(record: &Record) -> Published<'_> {
    publish_as(FAMILIES, record)
}

/// Every type that an event can have.
pub fn types() -> impl Iterator<Item = &'static PublicType> {
    FAMILIES.iter().flat_map(|family| family.types).chain([&INTERNAL])
}

/// The names under which events of these public types are stored; `None` if they may have any name.
/// What is found by them is still to be asked for its type.
#[must_use]
pub fn stored_names(of: &[String]) -> Option<Vec<&'static str>> {
    let asked = |name: &str| of.iter().any(|of| of == name);
    let public = types().filter(|public| asked(public.name));
    (!asked(INTERNAL.name)).then(|| public.map(|public| public.stored).collect())
}

fn publish_as<'a>(families: &[Family], record: &'a Record) -> Published<'a> {
    let told = families.iter().find(|family| family.kind == record.aggregate_type).and_then(|family| {
        let public = family.types.iter().find(|public| public.stored == record.event_type)?;
        Some((public, public.payload(family.steps, record)?))
    });
    let names = if told.is_some() { PUBLIC_METADATA } else { &[] };
    let metadata = record.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let metadata = metadata.filter(|(name, _)| names.contains(name)).collect();
    let (public, payload) = told.unwrap_or_else(|| (&INTERNAL, Cow::Borrowed(nothing())));
    Published {
        position: record.position,
        event_id: record.event_id,
        stream: format!("{}/{}", record.aggregate_type, record.aggregate_id),
        sequence: record.sequence,
        r#type: public.name,
        version: public.version,
        payload,
        metadata,
        recorded_at: record.recorded_at,
    }
}

fn nothing() -> &'static RawValue {
    serde_json::from_str("{}").expect("an object")
}

impl Published<'_> {
    /// One JSON object, without line breaks.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("string keys, and JSON that was read as such")
    }

    /// Whether it is of one of these types; of any, if none is named.
    #[must_use]
    pub fn is_one_of(&self, types: &[String]) -> bool {
        types.is_empty() || types.iter().any(|name| name == self.r#type)
    }
}
