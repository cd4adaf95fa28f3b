//! Read models and the reactor: how far they are, and what can be done with them.

pub mod get;
pub mod list;
pub mod pause;
pub mod rebuild;
pub mod resume;
pub mod rollback;
