//! The messages and services of `proto/`.

#![allow(clippy::all, clippy::doc_markdown, reason = "the files are generated")]

tonic::include_proto!("protocol");

pub use self::{daybook::v1, grpc::health::v1 as health};

/// All files, for clients that ask for them.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
