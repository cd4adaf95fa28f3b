//! Events as they lie in the log: a name, a version and a JSON object.

#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::value::RawValue;

use crate::{decider::Event, upcast::upcast};

/// An event ready to be stored.
#[derive(Debug, Clone)]
pub struct Stored {
    pub name: &'static str,
    pub version: u16,
    /// A JSON object.
    pub payload: String,
}

/// A stored event that this release can't read: an unknown name, a newer version, another shape.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a stored {kind} event {name:?}, version {version}: {reason}")]
pub struct Unreadable {
    pub kind: String,
    pub name: String,
    pub version: String,
    pub reason: String,
}

/// Takes the outer tag off: `{"OrderConfirmed":{…}}` is stored as name and object.
pub fn encode<E: Event>(event: &E) -> Stored {
    let name = event.name();
    let tagged = serde_json::to_string(event).expect("events serialize: string keys, finite numbers");
    let payload = tagged
        .strip_prefix("{\"")
        .and_then(|rest| rest.strip_prefix(name))
        .and_then(|rest| rest.strip_prefix("\":"))
        .and_then(|rest| rest.strip_suffix('}'))
        .expect("an event's name() is the serde name of a variant with fields");
    Stored { name, version: event.version(), payload: payload.to_owned() }
}

/// Reads a stored event of whatever version was ever written.
pub fn decode<E: Event>(kind: &str, name: &str, version: &str, payload: &RawValue) -> Result<E, Unreadable> {
    let unreadable = |reason: String| Unreadable {
        kind: kind.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
        reason,
    };
    let number: u16 = version.parse().map_err(|_| unreadable("the version is not a number".into()))?;
    let upcast = upcast(E::STEPS, name, number, payload.get());
    let (reached, today) = upcast.map_err(|error| unreadable(error.to_string()))?;
    let tagged = format!("{{\"{name}\":{today}}}");
    let event: E = serde_json::from_str(&tagged).map_err(|error| unreadable(error.to_string()))?;
    match reached.cmp(&event.version()) {
        Ordering::Equal => Ok(event),
        Ordering::Greater => Err(unreadable("written by a newer release".into())),
        Ordering::Less => Err(unreadable("no step leads to today's version".into())),
    }
}
