//! How callers are known: tokens, the keys that they are checked with, and how a request brings one.

pub mod caller;
pub mod issuer;
pub mod keys;
pub mod revocation;
pub mod revoked;
pub mod token;

pub use keys::{KeySet, SigningKey};
pub use token::{Grant, Refused, Verifier};
