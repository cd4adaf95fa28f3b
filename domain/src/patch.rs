//! What a caller wants of one member of a thing: to keep it, to set it or to remove it (RFC 7396, section 2).

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// In JSON, a member that is kept is absent, and one that is removed is `null`. So a field of this type says
/// `#[serde(default, skip_serializing_if = "Patch::is_keep")]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Keep,
    Set(T),
    Remove,
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
}
