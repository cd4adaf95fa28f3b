//! The person to write to and the address to send things to: the personal data of an order, before it is sealed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::Line;

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

/// An e-mail address: one `@`, no spaces or quotes, at most 254 octets (RFC 5321).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Two capital letters of ISO 3166-1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(String);

#[derive(Debug, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

#[derive(Debug, thiserror::Error)]
#[error("not a country code of ISO 3166-1 alpha-2, such as DE")]
pub struct InvalidCountry;

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let atom = |c: char| !c.is_control() && !c.is_whitespace() && !"()<>[]:;@\\,\"".contains(c);
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let local_fits = (1..=64).contains(&local.len())
            && local.chars().all(atom)
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        if text.len() <= 254 && local_fits && domain.split('.').all(label) {
            Ok(Self(text))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Country {
    type Error = InvalidCountry;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 2 && text.bytes().all(|c| c.is_ascii_uppercase()) {
            Ok(Self(text))
        } else {
            Err(InvalidCountry)
        }
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_could_break_a_mail_header_is_refused() {
        for good in ["alice@example.com", "a.b+c@sub.example.co.uk", "jörg@exämple.de", "x@localhost"] {
            assert!(Email::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "alice",
            "@example.com",
            "a@",
            "a@b@c",
            "a b@c.de",
            "a@b\r\nBcc: x@y.z",
            "<a@b.c>",
            "a@-b.c",
            "a@b..c",
        ] {
            assert!(Email::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
