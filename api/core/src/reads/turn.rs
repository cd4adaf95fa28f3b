//! Which page of a list a caller asks for.

use daybook_projections::{Cursor, read_models::Place};

use super::error::ReadError;

/// The first page, or the one beside a page that the caller has.
#[derive(Debug, Default)]
pub struct Turn {
    /// `next` of the page before.
    pub after: Option<String>,
    /// `prev` of the page behind.
    pub before: Option<String>,
}

impl Turn {
    /// The place in the list of that name, if it gave the cursor out.
    pub(super) fn place(&self, list: &str) -> Result<Place<Cursor>, ReadError> {
        Ok(match (&self.after, &self.before) {
            (None, None) => Place::First,
            (Some(after), None) => Place::After(Cursor::decode(list, after)?),
            (None, Some(before)) => Place::Before(Cursor::decode(list, before)?),
            (Some(_), Some(_)) => return Err(ReadError::Invalid("after and before exclude each other")),
        })
    }
}
