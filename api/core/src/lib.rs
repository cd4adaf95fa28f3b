//! What every interface shares: the reads, who calls, the vault, the limits, the followers of the log, and the
//! configuration. No interface is known here.

pub mod admission;
pub mod app;
pub mod audit;
pub mod auth;
pub mod carriers;
pub mod config;
pub mod entropy;
pub mod event_line;
pub mod eventstoredb;
pub mod health;
pub mod identity;
pub mod keys;
pub mod limits;
pub mod live;
pub mod log_levels;
pub mod measures;
pub mod metrics;
pub mod origin;
pub mod pools;
pub mod reads;
pub mod request_id;
pub mod terminal;
pub mod traffic;
pub mod unsealing;
pub mod values;
pub mod vault;

pub use config::Config;
