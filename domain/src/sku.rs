//! Stock keeping units: how products and stock are named.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::incoming::{Incoming, Unfit};

/// 1–64 of `A–Z a–z 0–9 . _ -`, case-sensitive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sku(String);

#[derive(Debug, thiserror::Error)]
#[error("a SKU has 1 to 64 characters of A-Z a-z 0-9 . _ -")]
pub struct InvalidSku;

impl Sku {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Sku {
    type Error = InvalidSku;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(InvalidSku)
        }
    }
}

/// A SKU is a segment of a URL. Clients take `.` and `..` for steps in a path (RFC 3986, section 5.2.4), and never
/// ask for what is called so.
impl Incoming for Sku {
    fn take(self) -> Result<Self, Unfit> {
        match self.as_str() {
            "." | ".." => Err(Unfit("a SKU is not . or .., which can't be a segment of a URL")),
            _ => Ok(self),
        }
    }
}

impl std::str::FromStr for Sku {
    type Err = InvalidSku;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl From<Sku> for String {
    fn from(sku: Sku) -> Self {
        sku.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_characters_make_a_sku() {
        for good in ["85123A", "a", "TEA.earl_grey-1", &"x".repeat(64)] {
            assert!(good.parse::<Sku>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a/b", "é", "a\u{0}", &"x".repeat(65)] {
            assert!(bad.parse::<Sku>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sku_that_no_url_can_name_is_stored_but_not_taken() {
        for bad in [".", ".."] {
            assert!(bad.parse::<Sku>().expect("a SKU of before").take().is_err(), "{bad}");
        }
        for good in ["...", ".a", "a..", "-"] {
            assert!(good.parse::<Sku>().expect("a SKU").take().is_ok(), "{good}");
        }
    }
}
