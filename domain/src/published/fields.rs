//! The members of public payloads: what is named here goes out, and nothing else.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A member of an object.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub is_optional: bool,
    pub description: &'static str,
}

#[derive(Debug)]
pub enum Shape {
    Text,
    /// 64 bits, signed.
    Integer,
    Boolean,
    /// An object whose members are texts, whatever their names are.
    Texts,
    /// An object with these members.
    Object(&'static [Field]),
    /// A list of objects with these members.
    Objects(&'static [Field]),
}

/// How an object is, beside what its fields say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    Exact,
    /// It has all that it must have, and more.
    Wider,
}

impl Field {
    pub(super) const fn new(name: &'static str, shape: Shape, description: &'static str) -> Self {
        Self { name, shape, is_optional: false, description }
    }

    /// It may be left out.
    pub(super) const fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }
}

pub(super) const fn text(name: &'static str, description: &'static str) -> Field {
    Field::new(name, Shape::Text, description)
}

pub(super) const fn integer(name: &'static str, description: &'static str) -> Field {
    Field::new(name, Shape::Integer, description)
}

const MONEY: &[Field] = &[
    integer("amount", "In minor units of the currency, such as cents."),
    text("currency", "ISO 4217, three letters."),
];

pub(super) const fn money(name: &'static str, description: &'static str) -> Field {
    Field::new(name, Shape::Object(MONEY), description)
}

const SEALED: &[Field] = &[
    text("key_id", "The person's key that opens it."),
    text("data", "AES-256-GCM: nonce, ciphertext and tag, in base64."),
];

pub(super) const fn sealed(name: &'static str, description: &'static str) -> Field {
    Field::new(name, Shape::Object(SEALED), description)
}

pub(super) const OWN_DATA: Field =
    Field::new("metadata", Shape::Texts, "The caller's own data, if there is any.").optional();

/// `None`, if a member is missing, or of another shape. Makes no copy of anything.
pub(super) fn fit(fields: &'static [Field], json: &str) -> Option<Fit> {
    let mut json = serde_json::Deserializer::from_str(json);
    let fit = Expected(&Shape::Object(fields)).deserialize(&mut json).ok()?;
    json.end().ok().map(|()| fit)
}

/// The object without the members that no field names.
pub(super) fn narrowed(fields: &[Field], json: &str) -> Option<String> {
    let mut object: Map<String, Value> = serde_json::from_str(json).ok()?;
    narrow(fields, &mut object);
    serde_json::to_string(&object).ok()
}

fn narrow(fields: &[Field], object: &mut Map<String, Value>) {
    object.retain(|name, value| {
        let Some(field) = fields.iter().find(|field| field.name == name) else { return false };
        match (&field.shape, value) {
            (Shape::Object(fields), Value::Object(object)) => narrow(fields, object),
            (Shape::Objects(fields), Value::Array(list)) => {
                list.iter_mut().filter_map(Value::as_object_mut).for_each(|object| narrow(fields, object));
            }
            _ => {}
        }
        true
    });
}

/// Reads a value of this shape, and keeps nothing of it.
struct Expected<'a>(&'a Shape);

/// Reads a name, and finds the index of its field; `None`, if there is none.
struct Name<'a>(&'a [Field]);

impl Expected<'_> {
    fn exact_if<E: Error>(is_so: bool) -> Result<Fit, E> {
        if is_so { Ok(Fit::Exact) } else { Err(E::custom("another shape")) }
    }
}

impl<'de> DeserializeSeed<'de> for Expected<'_> {
    type Value = Fit;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Fit, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Expected<'_> {
    type Value = Fit;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Fit, E> {
        Self::exact_if(matches!(self.0, Shape::Boolean))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Fit, E> {
        Self::exact_if(matches!(self.0, Shape::Integer))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Fit, E> {
        Self::exact_if(matches!(self.0, Shape::Integer) && i64::try_from(number).is_ok())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Fit, E> {
        Self::exact_if(matches!(self.0, Shape::Text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Fit, A::Error> {
        let Shape::Objects(fields) = self.0 else { return Err(A::Error::custom("another shape")) };
        let each = Shape::Object(fields);
        let mut fit = Fit::Exact;
        while let Some(of_one) = list.next_element_seed(Expected(&each))? {
            fit = fit.and(of_one);
        }
        Ok(fit)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fit, A::Error> {
        let fields = match self.0 {
            Shape::Object(fields) => *fields,
            Shape::Texts => {
                while object.next_key::<IgnoredAny>()?.is_some() {
                    object.next_value_seed(Expected(&Shape::Text))?;
                }
                return Ok(Fit::Exact);
            }
            _ => return Err(A::Error::custom("another shape")),
        };
        let (mut fit, mut seen) = (Fit::Exact, 0_u64);
        while let Some(index) = object.next_key_seed(Name(fields))? {
            let Some(index) = index else {
                object.next_value::<IgnoredAny>()?;
                fit = Fit::Wider;
                continue;
            };
            if seen & (1 << index) != 0 {
                return Err(A::Error::custom("a member is there twice"));
            }
            seen |= 1 << index;
            fit = fit.and(object.next_value_seed(Expected(&fields[index].shape))?);
        }
        let is_there = |(index, field): (usize, &Field)| field.is_optional || seen & (1 << index) != 0;
        if fields.iter().enumerate().all(is_there) {
            Ok(fit)
        } else {
            Err(A::Error::custom("one is missing"))
        }
    }
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|field| field.name == name))
    }
}

impl Fit {
    fn and(self, other: Self) -> Self {
        if self == Self::Exact { other } else { self }
    }
}
