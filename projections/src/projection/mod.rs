//! Keeps the tables of read models equal to the log.

mod batch;
pub(crate) mod generations;
pub(crate) mod projector;
pub(crate) mod sums;
pub(crate) mod table;
pub(crate) mod worker;
