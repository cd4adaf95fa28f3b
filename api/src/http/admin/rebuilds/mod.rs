//! Rebuilds that were begun.

pub mod cancel;
pub mod get;
