//! E-mail addresses.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use crate::incoming::{Incoming, Unfit};

/// An e-mail address: one `@`, no spaces or quotes, at most 254 octets (RFC 5321).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

#[derive(Debug, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address as a mail server is told it: its domain in ASCII (RFC 5890). `None` if there is no such domain.
    pub fn on_the_wire(&self) -> Option<String> {
        let (local, domain) = self.0.split_once('@')?;
        let domain = idna::domain_to_ascii_strict(domain).ok()?;
        Some(format!("{local}@{domain}"))
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

/// A mail has to get there. So beside ASCII an address has only letters and digits that look like nothing else: in
/// NFC, without combining marks and without compatibility forms, such as fullwidth letters. Its domain has a form
/// in ASCII. It is taken in NFC.
impl Incoming for Email {
    fn take(self) -> Result<Self, Unfit> {
        const UNFIT: Unfit = Unfit("not an e-mail address that a mail can be sent to");
        let composed: String = self.0.nfc().collect();
        let is_plain = |c: char| {
            c.is_ascii() || c.is_alphanumeric() && !is_combining_mark(c) && std::iter::once(c).nfkc().eq([c])
        };
        let taken = Self::try_from(composed).map_err(|_| UNFIT)?;
        let wire = taken.on_the_wire().ok_or(UNFIT)?;
        if taken.0.chars().all(is_plain) && Self::try_from(wire).is_ok() { Ok(taken) } else { Err(UNFIT) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Option<String> {
        Some(Email::try_from(text.to_owned()).ok()?.take().ok()?.into())
    }

    #[test]
    fn an_address_that_could_break_a_mail_header_is_refused() {
        for good in ["alice@example.com", "a.b+c@sub.example.co.uk", "jörg@exämple.de", "x@localhost"] {
            assert!(Email::try_from(good.to_owned()).is_ok(), "{good}");
            assert_eq!(taken(good).as_deref(), Some(good));
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

    #[test]
    fn an_address_that_no_mail_gets_to_is_stored_but_not_taken() {
        for bad in [
            "ali\u{33f}ce@b.de",
            "ali\u{ad}ce@b.de",
            "\u{ff41}@b.de",
            "\u{fb01}@b.de",
            "£@b.de",
            "a@xn--a.de",
        ] {
            assert!(Email::try_from(bad.to_owned()).is_ok(), "{bad}");
            assert_eq!(taken(bad), None, "{bad}");
        }
        assert_eq!(taken("jo\u{308}rg@exa\u{308}mple.de"), None, "a domain of before has no combining marks");
        assert_eq!(taken("jo\u{308}rg@example.de").as_deref(), Some("jörg@example.de"));
    }

    #[test]
    fn a_mail_server_is_told_a_domain_in_ascii() {
        let wire = |text: &str| Email::try_from(text.to_owned()).expect("an address").on_the_wire();
        assert_eq!(wire("jörg@exämple.de").as_deref(), Some("jörg@xn--exmple-cua.de"));
        assert_eq!(wire("a@example.com").as_deref(), Some("a@example.com"));
    }
}
