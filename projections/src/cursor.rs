//! The row that a page is beside, in a form that clients pass back unread: base64url of a version byte, the list's name and
//! the row's key.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The first version didn't name its list, so none of its cursors is taken any more.
const VERSION: u8 = 2;
/// A key is a SKU or a position, and a name may have one in it; longer cursors were never given out.
const MAX_LENGTH: usize = 512;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

#[derive(Debug, thiserror::Error)]
#[error("not a cursor that this list gave out")]
pub struct BadCursor;

impl Cursor {
    pub fn beside(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The cursor as clients of `list` see it. The name of a list has no NUL.
    pub fn encode(&self, list: &str) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(list.as_bytes());
        bytes.push(0);
        bytes.extend(self.0.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// A cursor that `list` gave out.
    pub fn decode(list: &str, text: &str) -> Result<Self, BadCursor> {
        if text.len() > MAX_LENGTH {
            return Err(BadCursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| BadCursor)?;
        let rest = bytes.strip_prefix(&[VERSION]).and_then(|rest| rest.strip_prefix(list.as_bytes()));
        let key = rest.and_then(|rest| rest.strip_prefix(&[0])).ok_or(BadCursor)?;
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
        let cursor = Cursor::beside("TEA.earl_grey-1");
        let text = cursor.encode("teas");
        assert_eq!(Cursor::decode("teas", &text).expect("its own form"), cursor);
        for other in ["tea", "teas2", "", "coffees"] {
            assert!(Cursor::decode(other, &text).is_err(), "{other}");
        }
    }

    #[test]
    fn what_was_never_given_out_is_refused() {
        // The last but one is "TEA" in the first version.
        for bad in ["", "!", "AA", "AQ", "AQA", "AVRFQQ", &"A".repeat(1_000)] {
            assert!(Cursor::decode("", bad).is_err(), "{bad}");
        }
        assert!(Cursor::beside("TEA").number().is_err());
    }
}
