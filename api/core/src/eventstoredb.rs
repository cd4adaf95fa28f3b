//! What a public event is called over the protocol of EventStoreDB, for those who serve it and for those who append to
//! other systems.
//!
//! A stream is called by its kind and id with a hyphen between them; no kind has a hyphen. Its revisions begin with
//! 0, so an event's is its sequence less 1.

use std::{borrow::Cow, collections::BTreeMap};

use daybook_domain::published::Published;
use serde::Serialize;
use serde_json::value::RawValue;

/// The key of an event's type in its metadata.
pub const TYPE: &str = "type";
/// The key of what its payload is written in.
pub const CONTENT_TYPE: &str = "content-type";
pub const JSON: &str = "application/json";

/// What others are told in `metadata`, and what an event is called by beside that.
#[derive(Serialize)]
pub struct CustomMetadata<'a> {
    #[serde(flatten)]
    metadata: &'a BTreeMap<&'a str, &'a str>,
    version: u16,
    #[serde(rename = "$correlationId", skip_serializing_if = "Option::is_none")]
    request: Option<&'a str>,
}

impl<'a> CustomMetadata<'a> {
    pub fn of(event: &'a Published<'_>) -> Self {
        let Published { metadata, version, .. } = event;
        Self { metadata, version: *version, request: metadata.get("request_id").copied() }
    }
}

/// `order/ord_…` is `order-ord_…`.
pub fn stream_name(stream: &str) -> String {
    stream.replacen('/', "-", 1)
}

/// `order-ord_…` is `order/ord_…`.
pub fn stream_of(name: &str) -> String {
    name.replacen('-', "/", 1)
}

pub fn revision(event: &Published<'_>) -> u64 {
    unsigned(event.sequence - 1)
}

pub fn data(payload: Cow<'_, RawValue>) -> Vec<u8> {
    match payload {
        Cow::Borrowed(payload) => payload.get().as_bytes().to_vec(),
        Cow::Owned(payload) => String::from(Box::<str>::from(payload)).into_bytes(),
    }
}

/// Positions, sequences and revisions are never negative.
pub fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_hyphen_of_a_name_is_ours() {
        assert_eq!(stream_name("stock/TEA-earl/grey"), "stock-TEA-earl/grey");
        assert_eq!(stream_of("stock-TEA-earl/grey"), "stock/TEA-earl/grey");
    }
}
