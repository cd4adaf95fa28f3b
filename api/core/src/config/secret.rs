//! Settings that must not be shown: they deserialize as text and serialize as a mask.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

const MASK: &str = "********";

/// A secret. Neither `Debug` nor serialization shows it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// A URL that may hold a password, which is masked when it is shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretUrl(String);

impl Secret {
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl SecretUrl {
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it names a user, or a token in the place of one.
    pub fn has_credentials(&self) -> bool {
        Url::parse(&self.0).is_ok_and(|url| !url.username().is_empty())
    }

    fn masked(&self) -> String {
        let Ok(mut url) = Url::parse(&self.0) else { return MASK.to_owned() };
        if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
            return MASK.to_owned();
        }
        // A token in the place of the user's name, as NATS takes it.
        if url.password().is_none() && ["nats", "tls"].contains(&url.scheme()) && !url.username().is_empty() {
            return MASK.to_owned();
        }
        if url.query().is_some() {
            let pairs: Vec<(String, String)> = url
                .query_pairs()
                .map(|(key, value)| {
                    let value = if key.contains("pass") { MASK.into() } else { value };
                    (key.into_owned(), value.into_owned())
                })
                .collect();
            url.query_pairs_mut().clear().extend_pairs(pairs);
        }
        url.into()
    }
}

impl From<&str> for SecretUrl {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_masked() {
        for url in [
            "postgres://app:hunter2@db/daybook",
            "postgres://app@db/daybook?password=hunter2&sslmode=require",
            "nats://hunter2@nats:4222",
            "tls://hunter2@nats:4222",
            "hunter2",
        ] {
            let shown = format!("{:?}", SecretUrl::from(url));
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        assert_eq!(
            format!("{:?}", SecretUrl::from("postgres://app@db/daybook")),
            "postgres://app@db/daybook"
        );
    }
}
