//! What the protocol's files are in Rust.

#![allow(clippy::all, clippy::pedantic, reason = "this is made from the mirror's files")]

// The modules in it are the packages of the files.
tonic::include_proto!("protocol");

pub use event_store::client::{Empty, StreamIdentifier, Uuid, streams, uuid};
