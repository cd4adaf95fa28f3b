//! Journeys through the API of the whole server: HTTP in, HTTP out, everything real in between.

mod about;
mod as_of;
mod audits;
mod cache;
mod conditions;
mod downstream;
mod events;
mod history;
mod idempotency;
mod limits;
mod live;
mod locale;
mod mails;
mod operators;
mod orders;
mod paging;
mod parameters;
mod partitions;
mod permissions;
mod poison;
mod privacy;
mod products;
pub mod rebuilds;
mod statuses;
mod stock;
mod tokens;
mod validation;
