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

/// Free text about a person's order. Release 0.1 shows only what is in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Note<T> {
    Sealed(Sealed),
    Clear(T),
}

impl<T> Note<T> {
    /// A note as the two members that an event has for it: in clear, and sealed.
    pub fn members(note: Option<Self>) -> (Option<T>, Option<Sealed>) {
        match note {
            None => (None, None),
            Some(Self::Clear(text)) => (Some(text), None),
            Some(Self::Sealed(sealed)) => (None, Some(sealed)),
        }
    }

    /// The note that has these members in an event.
    pub fn of_members(clear: Option<T>, sealed: Option<Sealed>) -> Option<Self> {
        sealed.map(Self::Sealed).or(clear.map(Self::Clear))
    }

    pub fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Sealed(sealed) => Some(sealed),
            Self::Clear(_) => None,
        }
    }
}

/// The person that personal data belongs to.
#[derive(Debug, Clone, Copy)]
pub enum Person<'a> {
    /// The `sub` of a customer's token.
    Customer(&'a str),
    /// A guest has no account, and is known by their order.
    Order(OrderId),
}
