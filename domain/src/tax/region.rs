//! Regions of countries that have taxes of their own.

use serde::{Deserialize, Serialize};

use crate::incoming::Incoming;

/// The second part of a code of ISO 3166-2, without the country: `NY`. 1 to 3 of `A–Z 0–9`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Region(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a region is 1 to 3 of A–Z and 0–9, such as NY: the second part of a code of ISO 3166-2")]
pub struct InvalidRegion;

impl Region {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Region {
    type Error = InvalidRegion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        if (1..=3).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidRegion)
        }
    }
}

impl From<Region> for String {
    fn from(region: Region) -> Self {
        region.0
    }
}

impl Incoming for Region {}
