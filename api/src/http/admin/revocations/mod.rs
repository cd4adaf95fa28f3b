//! Tokens that end before their time.

pub mod create;
