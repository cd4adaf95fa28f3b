//! The log, for analysts.

pub mod list;
