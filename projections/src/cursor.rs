//! Where a page ended, in a form that clients pass back unread: base64url of a version byte and the
//! last row's key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

const VERSION: u8 = 1;
/// A key is a SKU or a position; longer ones were never given out.
const MAX_LENGTH: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

#[derive(Debug, thiserror::Error)]
#[error("not a cursor that was given out here")]
pub struct BadCursor;

impl Cursor {
    pub fn behind(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The cursor as clients see it.
    pub fn encode(&self) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn decode(text: &str) -> Result<Self, BadCursor> {
        if text.len() > MAX_LENGTH {
            return Err(BadCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let key = bytes.strip_prefix(&[VERSION]).ok_or(BadCursor)?;
        let key = std::str::from_utf8(key).map_err(|_| BadCursor)?;
        if key.is_empty() || key.contains('\0') { Err(BadCursor) } else { Ok(Self(key.to_owned())) }
    }

    pub(crate) fn key(&self) -> &str {
        &self.0
    }

    /// The key, where it is a position or a sequence.
    pub fn number(&self) -> Result<i64, BadCursor> {
        self.0.parse().map_err(|_| BadCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_given() {
        let cursor = Cursor::behind("TEA.earl_grey-1");
        assert_eq!(Cursor::decode(&cursor.encode()).expect("its own form"), cursor);
    }

    #[test]
    fn what_was_never_given_out_is_refused() {
        for bad in ["", "!", "AA", "AQ", "AQA", &"A".repeat(1_000)] {
            assert!(Cursor::decode(bad).is_err(), "{bad}");
        }
        assert!(Cursor::behind("TEA").number().is_err());
    }
}
