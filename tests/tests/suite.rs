//! All tests of the whole, in one binary: linking takes longer than running.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is how a failure is told")]

#[path = "suite/committer/mod.rs"]
mod committer;
#[path = "suite/config.rs"]
mod config;
#[path = "suite/deploy.rs"]
mod deploy;
#[path = "suite/dev.rs"]
mod dev;
#[path = "suite/documents/mod.rs"]
mod documents;
#[path = "suite/door/mod.rs"]
mod door;
#[path = "suite/effects.rs"]
mod effects;
#[path = "suite/encryption.rs"]
mod encryption;
#[path = "suite/exports/mod.rs"]
mod exports;
#[path = "suite/faults/mod.rs"]
mod faults;
#[path = "suite/first_minutes.rs"]
mod first_minutes;
#[path = "suite/graphql/mod.rs"]
mod graphql;
#[path = "suite/grpc/mod.rs"]
mod grpc;
#[path = "suite/http/mod.rs"]
mod http;
#[path = "suite/identity/mod.rs"]
mod identity;
#[path = "suite/mirror/mod.rs"]
mod mirror;
#[path = "suite/permissions.rs"]
mod permissions;
#[path = "suite/relying_party.rs"]
mod relying_party;
#[path = "suite/tidy.rs"]
mod tidy;
#[path = "suite/traces.rs"]
mod traces;
#[path = "suite/verbs.rs"]
mod verbs;
#[path = "suite/vocabularies.rs"]
mod vocabularies;
#[path = "suite/walkthrough.rs"]
mod walkthrough;
