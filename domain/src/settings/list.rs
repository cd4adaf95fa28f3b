//! Lists as settings have them: a list, or text with commas, which is all that a variable can be.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    List(Vec<String>),
}

/// For `#[serde(deserialize_with = "…")]`.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let given = match Written::deserialize(deserializer)? {
        Written::Text(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
        Written::List(items) => items,
    };
    let items = given.iter().filter(|item| !item.is_empty());
    items.map(|item| item.parse().map_err(|error| D::Error::custom(format!("{item:?}: {error}")))).collect()
}
