//! Everything that Daybook shows to the outside: HTTP, the command line, mails, and the wiring that
//! makes one process of both halves.

pub mod app;
pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
pub mod effects;
pub mod entropy;
pub mod health;
pub mod http;
pub mod reads;
pub mod traffic;
pub mod values;
pub mod vault;
pub mod wiring;

mod error;
mod event_line;
mod housekeeping;
mod keys;
mod metrics;
mod telemetry;
mod workers;

pub use config::Config;
pub use wiring::{Running, StartError, start};
