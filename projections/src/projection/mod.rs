//! Keeps the tables of read models equal to the log.

pub(crate) mod generations;
pub(crate) mod projector;
pub(crate) mod table;
pub(crate) mod worker;
