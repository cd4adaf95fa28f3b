//! The log itself.

pub mod get;
