//! Personal data as the domain carries it: unopened.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::OrderId;

/// Personal data, encrypted with the key of one person. Throwing that key away erases it wherever
/// it was copied to. Only the API can seal and open.
///
/// Stored for ever: add fields, never change one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Which person's key opens it. Random: it tells nothing of the person.
    pub key_id: Uuid,
    /// AES-256-GCM: 96-bit nonce, ciphertext and tag, in base64 (RFC 4648, with padding).
    pub data: String,
}

/// The person that personal data belongs to.
#[derive(Debug, Clone, Copy)]
pub enum Person<'a> {
    /// The `sub` of a customer's token.
    Customer(&'a str),
    /// A guest has no account, and is known by their order.
    Order(OrderId),
}
