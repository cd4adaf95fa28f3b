//! The log, for analysts.

pub mod list;
pub mod types;
