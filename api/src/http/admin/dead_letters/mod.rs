//! What could not be done and waits for an operator.

pub mod list;
pub mod retry;
pub mod skip;
