//! A pass over the streams of a kind: how they are read, row by row in PostgreSQL's binary form, by several
//! sessions that see the same.

pub(crate) mod binary;
pub(crate) mod streams;
pub(crate) mod turns;
