//! The person to write to and the address to send things to: the personal data of an order, before it is sealed.

mod country;
mod email;

use serde::{Deserialize, Serialize};

use crate::text::Line;

pub use country::{Country, InvalidCountry};
pub use email::{Email, InvalidEmail};

/// A person's name and e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: Line<1, 200>,
    pub email: Email,
}

/// Where an order is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub name: Line<1, 200>,
    pub street: Line<1, 200>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub street2: Option<Line<1, 200>>,
    pub city: Line<1, 100>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postcode: Option<Line<1, 20>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Line<1, 100>>,
    /// ISO 3166-1 alpha-2.
    pub country: Country,
}
