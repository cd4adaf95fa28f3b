//! How callers are known: tokens, and the keys that they are checked with.

pub mod issuer;
pub mod keys;
pub mod revocation;
pub mod revoked;
pub mod token;

pub use keys::{KeySet, SigningKey};
pub use token::{Grant, Refused, Verifier};
