//! Is what is stored what it should be? Read models are compared with the log, and the log with its promises.

pub(crate) mod ledger;
pub(crate) mod log;
pub(crate) mod rows;
pub(crate) mod sums;

mod second_look;
