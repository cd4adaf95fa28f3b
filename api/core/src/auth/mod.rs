//! How callers are known: tokens, the keys that they are checked with, and what the roles in them come to.

pub mod claims;
pub mod custom_roles;
pub mod freshness;
pub mod header;
pub mod issuer;
pub mod jwks;
pub mod keys;
pub mod refused;
pub mod relying_party;
pub mod revocation;
pub mod revoked;
pub mod roles;
pub mod signed;
pub mod token;

pub use claims::LogIn;
pub use keys::{KeySet, SigningKey};
pub use refused::Refused;
pub use token::{Grant, Verifier};
