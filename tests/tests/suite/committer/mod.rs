//! The promises of the write side, asked of it directly, on a real database.
//!
//! A comment names the planted bug that a test catches (see `daybook_tests::plant`); those that are not
//! bugs of the database are told in words.

mod bounds;
mod buyers;
mod concurrency;
pub mod faults;
mod idempotency;
mod journeys;
mod random;
mod rights;
mod servers;
mod snapshots;
