//! HTTP: what every request goes through (`observe`, then `gate`), and what handlers are made of.

pub mod admin;
pub mod answer;
pub mod body;
pub mod caching;
pub mod codes;
pub mod context;
pub mod docs;
pub mod endpoint;
pub mod gate;
pub mod health;
pub mod incoming;
pub mod limits;
pub mod live;
pub mod observe;
pub mod openapi;
pub mod params;
pub mod problem;
pub mod routes;
pub mod schema;
pub mod server;
