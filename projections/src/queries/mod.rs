//! Questions that read models answer: from the cache, else from the table in service.
//!
//! A row and the checkpoint that it belongs to are read by one statement, hence from one snapshot, so
//! an answer always knows at which position it was true. What an answer is made of, and for whom, is the
//! caller's business: here it has a type, a name and an audience.

mod answer;
mod as_of;
mod by_keys;
mod flights;
mod question;
mod table;

pub use crate::cache::Audience;
pub use answer::Queries;
pub use by_keys::MAX_KEYS;
pub use question::{Answer, Asked, Moment, Page, QueryError};
