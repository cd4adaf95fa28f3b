//! Is each read model equal to the log?

pub mod create;
