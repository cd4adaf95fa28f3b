//! Reads a type as JSON means it: an object is read from an object alone. Types that serde derives would also take
//! a list of an object's members, in the order in which the program happens to declare them. One wrapper around the
//! deserializer refuses that at every depth, for tagged values too, so no type of a body has to.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
        VariantAccess, Visitor, value::MapAccessDeserializer,
    },
};

/// A deserializer that takes no list for an object.
pub struct Strict<D>(pub D);

/// A visitor that is shown a list only if it asked for one.
struct Watched<V> {
    visitor: V,
    takes_lists: bool,
}

/// What is read from inside of something, which is read as strictly.
struct Inner<T>(T);

/// All of it as a `T`.
pub fn from_slice<'de, T: Deserialize<'de>>(json: &'de [u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(Strict(&mut deserializer))?;
    deserializer.end()?;
    Ok(value)
}

/// `method(arguments): whether it asks for a list;`
macro_rules! deserialize {
    ($($method:ident($($argument:ident: $type:ty),*): $takes_lists:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($argument,)* Watched { visitor, takes_lists: $takes_lists })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    deserialize! {
        deserialize_any(): false;
        deserialize_bool(): false;
        deserialize_i8(): false;
        deserialize_i16(): false;
        deserialize_i32(): false;
        deserialize_i64(): false;
        deserialize_i128(): false;
        deserialize_u8(): false;
        deserialize_u16(): false;
        deserialize_u32(): false;
        deserialize_u64(): false;
        deserialize_u128(): false;
        deserialize_f32(): false;
        deserialize_f64(): false;
        deserialize_char(): false;
        deserialize_str(): false;
        deserialize_string(): false;
        deserialize_bytes(): false;
        deserialize_byte_buf(): false;
        deserialize_option(): false;
        deserialize_unit(): false;
        deserialize_unit_struct(name: &'static str): false;
        deserialize_newtype_struct(name: &'static str): false;
        deserialize_seq(): true;
        deserialize_tuple(len: usize): true;
        deserialize_tuple_struct(name: &'static str, len: usize): true;
        deserialize_map(): false;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]): false;
        deserialize_identifier(): false;
        deserialize_ignored_any(): true;
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Choice(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

/// A visitor of one of several forms: a word, or an object with one member whose name says which form it is.
struct Choice<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for Choice<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<V::Value, E> {
        self.0.visit_enum(word.into_deserializer())
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Inner(MapAccessDeserializer::new(object)))
    }
}

/// `method(type);`
macro_rules! visit {
    ($($method:ident($type:ty);)*) => {$(
        fn $method<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watched<V> {
    type Value = V::Value;

    visit! {
        visit_bool(bool);
        visit_i64(i64);
        visit_i128(i128);
        visit_u64(u64);
        visit_u128(u128);
        visit_f64(f64);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict(deserializer))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict(deserializer))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        if self.takes_lists {
            self.visitor.visit_seq(Inner(list))
        } else {
            Err(A::Error::invalid_type(Unexpected::Seq, &self.visitor))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Inner(object))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Inner<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Strict(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Inner<A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Inner(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Inner<A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(Inner(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Inner(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Inner<A> {
    type Error = A::Error;
    type Variant = Inner<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (tag, rest) = self.0.variant_seed(Inner(seed))?;
        Ok((tag, Inner(rest)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Inner<A> {
    type Error = A::Error;

    /// A word is written as a word, and not as an object with a member of that name.
    fn unit_variant(self) -> Result<(), A::Error> {
        Err(A::Error::invalid_type(Unexpected::Map, &"a word"))
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Inner(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, Watched { visitor, takes_lists: true })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Watched { visitor, takes_lists: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: i64,
        y: Option<i64>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Tagged {
        Nothing,
        Number(i64),
        Point { x: i64 },
        Pair(i64, i64),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case")]
    enum Inside {
        Point { x: i64 },
    }

    fn is_taken<'de, T: Deserialize<'de>>(json: &'de str) -> bool {
        assert!(serde_json::from_str::<T>(json).is_ok(), "serde takes {json}");
        from_slice::<T>(json.as_bytes()).is_ok()
    }

    #[test]
    fn a_list_is_taken_for_a_list_alone() {
        assert!(is_taken::<Point>(r#"{"x": 1, "y": null}"#));
        assert!(!is_taken::<Point>("[1, null]"));
        assert!(is_taken::<Vec<Point>>(r#"[{"x": 1}]"#));
        assert!(!is_taken::<Vec<Point>>("[[1, 2]]"));
        assert!(!is_taken::<Option<Point>>("[1, 2]"));
        assert!(is_taken::<(i64, Vec<i64>)>("[1, [2]]"));
        for good in [r#""nothing""#, r#"{"number": 1}"#, r#"{"point": {"x": 1}}"#, r#"{"pair": [1, 2]}"#] {
            assert!(is_taken::<Tagged>(good), "{good}");
        }
        assert!(!is_taken::<Tagged>(r#"{"point": [1]}"#));
        assert!(!is_taken::<Tagged>(r#"{"nothing": null}"#));
        assert!(from_slice::<Tagged>(br#"{"number": 1, "point": {"x": 1}}"#).is_err());
        assert!(from_slice::<Tagged>(b"{}").is_err());
        assert!(is_taken::<Inside>(r#"{"kind": "point", "x": 1}"#));
        assert!(!is_taken::<Inside>(r#"["point", 1]"#));
        assert!(from_slice::<Point>(br#"{"x": 1} 2"#).is_err());
    }
}
