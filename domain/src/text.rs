//! Bounded text. Lengths are counted in Unicode scalar values; control characters, and with them
//! line breaks that could reach a mail header, are refused except where a text may have lines.

mod folding;
mod short;
mod visible;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::incoming::{Incoming, Unfit};

pub use folding::folded;
pub(crate) use short::short_text;
pub use visible::{is_ignorable, is_visible};

#[derive(Debug, thiserror::Error)]
pub enum InvalidText {
    #[error("has {actual} characters; allowed are {min} to {max}")]
    Length { min: usize, max: usize, actual: usize },
    #[error("contains a control character")]
    ControlCharacter,
    #[error("has spaces at its start or end")]
    OuterSpace,
}

/// `MIN` to `MAX` characters on one line, without spaces around them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line<const MIN: usize, const MAX: usize>(String);

/// Up to `MAX` characters, line breaks and tabs allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Paragraphs<const MAX: usize>(String);

pub type ProductName = Line<1, 200>;
pub type Description = Paragraphs<10_000>;
/// Why something was done, in the words of the person who did it.
pub type Reason = Line<1, 500>;
/// The number of a delivery note, a parcel or the like.
pub type Reference = Line<1, 200>;
/// The shop's own id of a thing.
pub type ExternalId = Line<1, 128>;
/// The customer: the `sub` of their token.
pub type CustomerId = Line<1, 128>;

fn check_length(text: &str, min: usize, max: usize) -> Result<(), InvalidText> {
    let actual = text.chars().count();
    if (min..=max).contains(&actual) { Ok(()) } else { Err(InvalidText::Length { min, max, actual }) }
}

impl<const MIN: usize, const MAX: usize> TryFrom<String> for Line<MIN, MAX> {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        check_length(&text, MIN, MAX)?;
        if text.chars().any(char::is_control) {
            return Err(InvalidText::ControlCharacter);
        }
        if text.trim().len() != text.len() {
            return Err(InvalidText::OuterSpace);
        }
        Ok(Self(text))
    }
}

impl<const MAX: usize> TryFrom<String> for Paragraphs<MAX> {
    type Error = InvalidText;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        check_length(&text, 0, MAX)?;
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(InvalidText::ControlCharacter);
        }
        Ok(Self(text))
    }
}

/// A line of text that comes in has something to be seen, and none of Unicode's own ends of lines.
impl<const MIN: usize, const MAX: usize> Incoming for Line<MIN, MAX> {
    fn take(self) -> Result<Self, Unfit> {
        check_line(&self.0)?;
        check_visible(&self.0)?;
        Ok(self)
    }
}

impl<const MAX: usize> Incoming for Paragraphs<MAX> {}

/// Keys and values are lines of text. A value may be empty.
impl Incoming for Metadata {
    fn take(self) -> Result<Self, Unfit> {
        for (key, value) in &self.0 {
            check_line(key)?;
            check_visible(key)?;
            check_line(value)?;
        }
        Ok(self)
    }
}

/// U+2028 and U+2029 end a line as a line break does, though they are no control characters.
fn check_line(text: &str) -> Result<(), Unfit> {
    if text.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(Unfit("has more than one line"));
    }
    Ok(())
}

fn check_visible(text: &str) -> Result<(), Unfit> {
    if text.chars().any(is_visible) { Ok(()) } else { Err(Unfit("has nothing that can be seen")) }
}

impl<const MIN: usize, const MAX: usize> Line<MIN, MAX> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Paragraphs<MAX> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> From<Line<MIN, MAX>> for String {
    fn from(line: Line<MIN, MAX>) -> Self {
        line.0
    }
}

impl<const MAX: usize> From<Paragraphs<MAX>> for String {
    fn from(text: Paragraphs<MAX>) -> Self {
        text.0
    }
}

impl<const MIN: usize, const MAX: usize> fmt::Display for Line<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MIN: usize, const MAX: usize> std::str::FromStr for Line<MIN, MAX> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

/// The shop's own data about a thing: at most 20 pairs, 4 KiB in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Metadata(BTreeMap<String, String>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    #[error("has {0} pairs; at most 20 are allowed")]
    TooMany(usize),
    #[error("has {0} bytes; at most 4096 are allowed")]
    TooLarge(usize),
    #[error("keys have 1 to 64 characters, and neither keys nor values have control characters")]
    BadPair,
}

impl Metadata {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// About how many bytes it keeps in memory.
    pub fn weight(&self) -> usize {
        self.0.iter().map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len()).sum()
    }
}

impl TryFrom<BTreeMap<String, String>> for Metadata {
    type Error = InvalidMetadata;

    fn try_from(pairs: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        if pairs.len() > 20 {
            return Err(InvalidMetadata::TooMany(pairs.len()));
        }
        let bytes = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > 4096 {
            return Err(InvalidMetadata::TooLarge(bytes));
        }
        let bad = |text: &str| text.chars().any(char::is_control);
        if pairs.iter().any(|(key, value)| !(1..=64).contains(&key.chars().count()) || bad(key) || bad(value))
        {
            return Err(InvalidMetadata::BadPair);
        }
        Ok(Self(pairs))
    }
}

impl From<Metadata> for BTreeMap<String, String> {
    fn from(metadata: Metadata) -> Self {
        metadata.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_break_cannot_be_part_of_a_name() {
        assert!("Alice\r\nBcc: eve@example.com".parse::<ProductName>().is_err());
        assert!(" Alice".parse::<ProductName>().is_err());
        assert!("".parse::<ProductName>().is_err());
        assert!("Ærø – 茶".parse::<ProductName>().is_ok());
    }

    #[test]
    fn a_line_that_shows_nothing_is_stored_but_not_taken() {
        let line = |text: &str| text.parse::<ProductName>().expect("a name of before").take();
        for bad in [
            "\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "\u{301}",
            "\u{fe0f}",
            "\u{fff9}",
            "a\u{2028}b",
            "a\u{2029}b",
        ] {
            assert!(line(bad).is_err(), "{}", bad.escape_unicode());
        }
        for good in ["Ærø – 茶", "Cafe\u{301}", "می\u{200c}خواهم", "👩\u{200d}👧", "❤\u{fe0f}", "-", "1"]
        {
            assert!(line(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn metadata_that_comes_in_is_lines_of_text() {
        let pair = |key: &str, value: &str| {
            let pairs = BTreeMap::from([(key.to_owned(), value.to_owned())]);
            Metadata::try_from(pairs).expect("metadata of before").take()
        };
        assert!(pair("k", "").is_ok());
        assert!(pair("k", "\u{200b}").is_ok());
        assert!(pair("\u{200b}", "v").is_err());
        assert!(pair("k\u{2028}", "v").is_err());
        assert!(pair("k", "v\u{2029}w").is_err());
    }

    #[test]
    fn metadata_is_bounded() {
        let pairs = |n: usize, size: usize| -> BTreeMap<String, String> {
            (0..n).map(|i| (format!("k{i}"), "v".repeat(size))).collect()
        };
        assert!(Metadata::try_from(pairs(20, 10)).is_ok());
        assert!(Metadata::try_from(pairs(21, 1)).is_err());
        assert!(Metadata::try_from(pairs(2, 4096)).is_err());
    }
}
