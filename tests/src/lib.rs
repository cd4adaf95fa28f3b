//! What the tests of the whole stand on: real servers, private to the run, and readers of the log that
//! know what must hold in it.

pub mod app;
pub mod authority;
pub mod chaos;
pub mod client;
pub mod database;
pub mod daybook;
pub mod door;
pub mod exporter;
pub mod grpc;
pub mod issuer;
pub mod live;
pub mod log;
pub mod mails;
pub mod metrics;
pub mod nats;
pub mod other_system;
pub mod people;
pub mod plant;
pub mod postgres;
pub mod program;
pub mod promised;
pub mod proxy;
pub mod raw_door;
pub mod reply;
pub mod server;
pub mod shop;
pub mod smtp;
pub mod until;
pub mod upgrade;

pub use app::TestApp;
pub use client::Client;
pub use database::TestDatabase;
pub use daybook::{Daybook, Home};
pub use door::Door;
pub use issuer::Issuer;
pub use live::Live;
pub use log::Log;
pub use nats::OwnNats;
pub use other_system::OtherSystem;
pub use postgres::OwnPostgres;
pub use program::Program;
pub use proxy::Proxy;
pub use reply::Reply;
pub use shop::Shop;
pub use until::until;
