//! Who is calling: tokens, the keys that they are checked with, and the caller of a request.

pub mod caller;
pub mod issuer;
pub mod keys;
pub mod revocation;
pub mod revoked;
pub mod token;

pub use caller::Caller;
pub use keys::{KeySet, SigningKey};
pub use token::{Grant, Refused, Verifier};
