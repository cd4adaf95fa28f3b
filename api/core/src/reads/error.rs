//! Why a read has no answer. Each interface has its own words for it.

use daybook_domain::{policy::Action, stored::Unreadable};
use daybook_projections::{BadCursor, QueryError};

use crate::vault::VaultError;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("this needs a token")]
    Unauthenticated,
    #[error("this needs the permission {}", .0.rule().name)]
    Forbidden(Action),
    /// There is nothing there, or nothing that the caller is shown.
    #[error("not found")]
    NotFound,
    /// A parameter is outside its bounds; the text says what it may be.
    #[error("{0}")]
    Invalid(&'static str),
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Personal data could not be opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// A stored event can't be shown as a change.
    #[error("a stored event can't be shown: {0}")]
    Unshown(#[source] serde_json::Error),
}

impl From<BadCursor> for ReadError {
    fn from(error: BadCursor) -> Self {
        QueryError::from(error).into()
    }
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        QueryError::from(error).into()
    }
}

impl From<Unreadable> for ReadError {
    fn from(error: Unreadable) -> Self {
        QueryError::from(error).into()
    }
}
