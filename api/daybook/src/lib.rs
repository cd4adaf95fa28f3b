//! The program: its verbs, and the wiring that makes one process of both halves and of the interfaces.

pub mod cli;
pub mod wiring;

mod connections;
mod further;
mod housekeeping;
mod log_lines;
mod presence;
mod telemetry;
mod traces;
mod version;
mod workers;

pub use wiring::{Running, StartError, start};
