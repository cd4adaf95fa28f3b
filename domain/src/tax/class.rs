//! What a thing is for the tax, such as `standard` or `books`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::incoming::Incoming;

/// 1 to 40 of `a–z 0–9 _`. Products of one class are taxed alike in each country, so a class says what a thing is and
/// not which rate it has: one country taxes books less than tea, another one doesn't.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaxClass(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tax class is 1 to {} of a–z, 0–9 and _", TaxClass::MAX_LENGTH)]
pub struct InvalidTaxClass;

impl TaxClass {
    pub const MAX_LENGTH: usize = 40;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The class of what was not given one.
impl Default for TaxClass {
    fn default() -> Self {
        Self("standard".into())
    }
}

impl TryFrom<String> for TaxClass {
    type Error = InvalidTaxClass;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidTaxClass)
        }
    }
}

impl FromStr for TaxClass {
    type Err = InvalidTaxClass;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl From<TaxClass> for String {
    fn from(class: TaxClass) -> Self {
        class.0
    }
}

impl fmt::Display for TaxClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Incoming for TaxClass {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_a_short_word() {
        for good in ["standard", "books", "food_2", "7"] {
            assert_eq!(good.parse::<TaxClass>().expect("a class").as_str(), good);
        }
        for bad in ["", "Books", "a-b", "a b", "é", &"a".repeat(41)] {
            assert_eq!(bad.parse::<TaxClass>(), Err(InvalidTaxClass), "{bad:?}");
        }
        assert_eq!(TaxClass::default().to_string(), "standard");
    }
}
