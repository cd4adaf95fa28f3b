//! The signature of a token, whatever the token says.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{
    header::Head,
    keys::{KeySet, VerifyingKey},
    refused::Refused,
};

/// A token whose signature is good.
pub struct Signed<'k> {
    /// The id of the key that signed it.
    pub kid: Box<str>,
    pub key: &'k VerifyingKey,
    /// JSON, unread.
    pub claims: Vec<u8>,
}

/// Checks the signature of a token in its compact form (RFC 7515), with the one algorithm of its key.
pub fn check<'k>(token: &str, keys: &'k KeySet) -> Result<Signed<'k>, Refused> {
    let (message, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(Refused::Malformed)?;
    if claims.contains('.') {
        return Err(Refused::Malformed);
    }
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed);
    let header: Head = serde_json::from_slice(&decoded(header)?).map_err(|_| Refused::Malformed)?;
    let (kid, algorithm) = header.acceptable()?;
    let key = keys.get(kid).ok_or(Refused::UnknownKey)?;
    // The key says which algorithm it is good for, whatever a token says.
    if algorithm != key.algorithm {
        return Err(Refused::Header);
    }
    // The header is read here, because the library doesn't know "Ed25519" (RFC 9864).
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key.decoding(), key.algorithm) {
        Ok(true) => Ok(Signed { kid: kid.into(), key, claims: decoded(claims)? }),
        Ok(false) => Err(Refused::Signature),
        Err(_) => Err(Refused::Malformed),
    }
}
