//! The clients of the files in `api/grpc/proto/`.

#![allow(clippy::all, clippy::pedantic, reason = "this is made from those files")]

tonic::include_proto!("clients");
