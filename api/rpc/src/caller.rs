//! Where a call comes from, and the token that it brings.

use std::{net::IpAddr, time::Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use tonic::{Extensions, metadata::MetadataMap};

use crate::answers::Answers;

const AUTHORIZATION: &str = "authorization";

/// Where a connection comes from, and what is answered on it.
#[derive(Clone)]
pub struct Peer {
    pub address: IpAddr,
    pub answers: Answers,
}

/// A call, wherever its connection comes from.
#[derive(Debug, Clone)]
pub struct Call {
    pub request_id: String,
    /// W3C Trace Context.
    pub traceparent: String,
    /// Where it comes from.
    pub address: IpAddr,
    pub started: Instant,
    /// Its service and method, as its client wrote them.
    pub path: String,
}

/// What is there instead of a token is none: it is treated like one that is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoToken;

/// Where the connection of a call comes from.
pub fn peer(extensions: &Extensions) -> &Peer {
    extensions.get::<Peer>().expect("each connection of the listener has one")
}

pub fn call(extensions: &Extensions) -> &Call {
    extensions.get::<Call>().expect("each call is observed")
}

/// The token by itself, or as the password of a user whose name is not looked at. More than one is no token that is
/// valid, nor is what can't be read.
pub fn presented_token(metadata: &MetadataMap) -> Result<Option<String>, NoToken> {
    let mut values = metadata.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.to_str().map_err(|_| NoToken)?,
        (Some(_), Some(_)) => return Err(NoToken),
    };
    let (scheme, credentials) = value.split_once(' ').ok_or(NoToken)?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(credentials.to_owned()));
    }
    password(scheme, credentials).map(Some).ok_or(NoToken)
}

/// The password of RFC 7617.
fn password(scheme: &str, credentials: &str) -> Option<String> {
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use tonic::metadata::MetadataValue;

    use super::*;

    fn token(values: &[&str]) -> Result<Option<String>, NoToken> {
        let mut metadata = MetadataMap::new();
        for value in values {
            let value: MetadataValue<_> = value.parse().expect("a value");
            metadata.append(AUTHORIZATION, value);
        }
        presented_token(&metadata)
    }

    #[test]
    fn a_token_is_a_password_or_a_bearer() {
        assert_eq!(token(&["Bearer a.b.c"]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&["bearer  a.b.c "]), Ok(Some("a.b.c".into())));
        // analyst:a.b.c
        assert_eq!(token(&["Basic YW5hbHlzdDphLmIuYw=="]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&["BASIC OmEuYi5j"]), Ok(Some("a.b.c".into())));
        assert_eq!(token(&[]), Ok(None));
    }

    #[test]
    fn what_is_neither_is_no_token_that_is_valid() {
        for values in [
            &["a.b.c"][..],
            &["Digest a.b.c"],
            &["Basic !"],
            &["Basic YW5hbHlzdA=="],
            &["Bearer a.b.c", "Bearer a.b.c"],
        ] {
            assert_eq!(token(values), Err(NoToken), "{values:?}");
        }
    }
}
