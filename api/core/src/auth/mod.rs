//! How callers are known: tokens, the keys that they are checked with, and what the roles in them come to.

pub mod custom_roles;
pub mod freshness;
pub mod issuer;
pub mod keys;
pub mod revocation;
pub mod revoked;
pub mod roles;
pub mod token;

pub use keys::{KeySet, SigningKey};
pub use token::{Grant, Refused, Verifier};
