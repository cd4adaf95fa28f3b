//! What the API says of itself to programs.

pub mod jwks;
pub mod permissions;
