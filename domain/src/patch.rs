//! What a caller wants of one member of a thing: to keep it, to set it or to remove it (RFC 7396, section 2).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    incoming::{Incoming, Unfit},
    text::{InvalidMetadata, Metadata},
};

/// In JSON, a member that is kept is absent, and one that is removed is `null`. So a field of this type says
/// `#[serde(default, skip_serializing_if = "Patch::is_keep")]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Keep,
    Set(T),
    Remove,
}

/// Changes of a thing's metadata: in JSON, a text sets its pair, `null` removes it, and pairs that are not named stay.
/// It sets and removes as many pairs as metadata can have, and no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Option<String>>", into = "BTreeMap<String, Option<String>>")]
pub struct MetadataPatch {
    set: Metadata,
    /// The keys of pairs that are removed, with empty values.
    removed: Metadata,
}

impl<T> Patch<T> {
    pub fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Keep => Patch::Keep,
            Self::Set(value) => Patch::Set(f(value)),
            Self::Remove => Patch::Remove,
        }
    }
}

impl<T: Default> Patch<T> {
    /// The new value, where a member that is removed is an empty one; `None` if it is kept.
    pub fn or_empty(self) -> Option<T> {
        match self {
            Self::Keep => None,
            Self::Set(value) => Some(value),
            Self::Remove => Some(T::default()),
        }
    }
}

impl Patch<MetadataPatch> {
    /// The new metadata of a thing that has `today`'s.
    pub fn merged_into(self, today: &Metadata) -> Result<Metadata, InvalidMetadata> {
        match self {
            Self::Keep => Ok(today.clone()),
            Self::Set(patch) => patch.merged_into(today),
            Self::Remove => Ok(Metadata::default()),
        }
    }
}

impl MetadataPatch {
    fn merged_into(self, today: &Metadata) -> Result<Metadata, InvalidMetadata> {
        let mut pairs = today.pairs().clone();
        pairs.retain(|key, _| !self.removed.pairs().contains_key(key));
        pairs.extend(BTreeMap::from(self.set));
        pairs.try_into()
    }
}

impl TryFrom<BTreeMap<String, Option<String>>> for MetadataPatch {
    type Error = InvalidMetadata;

    fn try_from(pairs: BTreeMap<String, Option<String>>) -> Result<Self, InvalidMetadata> {
        let (mut set, mut removed) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in pairs {
            match value {
                Some(value) => set.insert(key, value),
                None => removed.insert(key, String::new()),
            };
        }
        Ok(Self { set: set.try_into()?, removed: removed.try_into()? })
    }
}

impl From<MetadataPatch> for BTreeMap<String, Option<String>> {
    fn from(MetadataPatch { set, removed }: MetadataPatch) -> Self {
        let removed = removed.pairs().keys().map(|key| (key.clone(), None)).collect::<Self>();
        BTreeMap::from(set).into_iter().map(|(key, value)| (key, Some(value))).chain(removed).collect()
    }
}

/// A pair whose key would not be taken any more can still be removed.
impl Incoming for MetadataPatch {
    fn take(self) -> Result<Self, Unfit> {
        Ok(Self { set: self.set.take()?, removed: self.removed })
    }
}

impl<T: Serialize> Serialize for Patch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => value.serialize(serializer),
            Self::Keep | Self::Remove => serializer.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given: Option<T> = Deserialize::deserialize(deserializer)?;
        Ok(given.map_or(Self::Remove, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Asked {
        #[serde(default, skip_serializing_if = "Patch::is_keep")]
        note: Patch<String>,
    }

    #[test]
    fn absent_is_kept_and_null_is_removed() {
        for (json, note, new) in [
            ("{}", Patch::Keep, None),
            (r#"{"note":null}"#, Patch::Remove, Some("")),
            (r#"{"note":"x"}"#, Patch::Set("x".to_owned()), Some("x")),
        ] {
            let asked: Asked = serde_json::from_str(json).expect("a patch");
            assert_eq!(asked.note, note);
            assert_eq!(serde_json::to_string(&asked).expect("serializes"), json);
            assert_eq!(asked.note.or_empty().as_deref(), new);
        }
    }

    fn patch(json: &str) -> Patch<MetadataPatch> {
        serde_json::from_str(json).expect("a patch")
    }

    fn metadata(json: &str) -> Metadata {
        serde_json::from_str(json).expect("metadata")
    }

    /// The examples of RFC 7396 that metadata can have, among others.
    #[test]
    fn a_patch_of_metadata_is_merged() {
        for (today, given, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"e":"f"}"#, r#"{"a":"1","b":null}"#, r#"{"a":"1","e":"f"}"#),
            (r#"{"a":"b"}"#, "{}", r#"{"a":"b"}"#),
            (r#"{"a":"b"}"#, "null", "{}"),
        ] {
            let asked = patch(given);
            assert_eq!(serde_json::to_string(&asked).expect("serializes"), given);
            assert_eq!(
                asked.merged_into(&metadata(today)).expect("small"),
                metadata(merged),
                "{today} {given}"
            );
        }
        assert_eq!(
            Patch::Keep.merged_into(&metadata(r#"{"a":"b"}"#)).expect("small"),
            metadata(r#"{"a":"b"}"#)
        );
    }

    #[test]
    fn what_is_merged_is_bounded_and_so_is_what_is_removed() {
        let many = |first: usize, value: Option<&str>| {
            let pairs = (first..first + 20).map(|key| (format!("k{key:02}"), value.map(str::to_owned)));
            MetadataPatch::try_from(pairs.collect::<BTreeMap<_, _>>()).map(Patch::Set)
        };
        let full = many(0, Some("x")).expect("20 pairs").merged_into(&Metadata::default()).expect("20 pairs");
        let one_more = patch(r#"{"one":"more"}"#);
        assert_eq!(one_more.merged_into(&full), Err(InvalidMetadata::TooMany(21)));
        let exchange = patch(r#"{"one":"more","k00":null}"#);
        assert_eq!(exchange.merged_into(&full).map(|merged| merged.pairs().len()), Ok(20));
        let removed: BTreeMap<_, _> = (0..21).map(|key| (format!("k{key}"), None)).collect();
        assert_eq!(MetadataPatch::try_from(removed), Err(InvalidMetadata::TooMany(21)));
        assert_eq!(many(0, None).expect("20 keys").merged_into(&full), Ok(Metadata::default()));
    }

    #[test]
    fn a_key_that_is_not_taken_any_more_can_be_removed() {
        let taken = |json: &str| match patch(json) {
            Patch::Set(patch) => patch.take().is_ok(),
            _ => panic!("{json} sets nothing"),
        };
        assert!(taken("{\"\u{200b}\":null}"));
        assert!(!taken("{\"\u{200b}\":\"x\"}"));
    }
}
