//! HTTP: what every request goes through (`observe`, then `gate`), and what handlers are made of.

pub mod about;
pub mod answer;
pub mod arrived;
pub mod body;
mod brief;
pub mod caching;
pub mod caller;
pub mod codes;
pub mod connection;
pub mod context;
pub mod docs;
mod error;
pub mod gate;
pub mod limits;
pub mod live;
mod metrics;
pub mod negotiation;
pub mod observe;
pub mod openapi;
mod origin;
pub mod params;
pub mod problem;
pub mod route;
pub mod routes;
mod security;
pub mod server;
mod stray_token;
