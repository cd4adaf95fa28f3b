//! Events as they are stored in the log: a name, a version and a JSON object.

#[cfg(test)]
pub(crate) mod tests;

use std::cmp::Ordering;

use serde::de::{
    DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
    value::EnumAccessDeserializer,
};
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
    let mut payload = serde_json::to_string(event).expect("events serialize: string keys, finite numbers");
    let object = payload
        .strip_prefix("{\"")
        .and_then(|rest| rest.strip_prefix(name))
        .and_then(|rest| rest.strip_prefix("\":"))
        .and_then(|rest| rest.strip_suffix('}'))
        .expect("an event's name() is the serde name of a variant with fields");
    // The object stays in the text that was written, so nothing is allocated again.
    let begin = payload.len() - 1 - object.len();
    payload.pop();
    payload.drain(..begin);
    Stored { name, version: event.version(), payload }
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
    let tagged = EnumAccessDeserializer::new(Tagged { name, object: &today });
    let event = E::deserialize(tagged).map_err(|error| unreadable(error.to_string()))?;
    match reached.cmp(&event.version()) {
        Ordering::Equal => Ok(event),
        Ordering::Greater => Err(unreadable("written by a newer release".into())),
        Ordering::Less => Err(unreadable("no step leads to today's version".into())),
    }
}

/// A stored event, to be read as if its object came after its name: `{"OrderConfirmed":{…}}`. To write
/// that text first would copy each event that is ever folded once more.
struct Tagged<'a> {
    name: &'a str,
    object: &'a str,
}

impl<'a> EnumAccess<'a> for Tagged<'a> {
    type Error = serde_json::Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Self::Error> {
        Ok((seed.deserialize(self.name.into_deserializer())?, self))
    }
}

/// Variants have named fields, or one value that has them.
impl<'a> VariantAccess<'a> for Tagged<'a> {
    type Error = serde_json::Error;

    fn unit_variant(self) -> Result<(), Self::Error> {
        Err(Self::Error::custom("an event has fields"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Self::Error> {
        let mut object = serde_json::Deserializer::from_str(self.object);
        let value = seed.deserialize(&mut object)?;
        object.end().map(|()| value)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("an event's fields have names"))
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let mut object = serde_json::Deserializer::from_str(self.object);
        let value = serde::Deserializer::deserialize_struct(&mut object, "", fields, visitor)?;
        object.end().map(|()| value)
    }
}
