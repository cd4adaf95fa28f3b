//! The head of a token: by which algorithm it says that it is signed, and with which key.

use jsonwebtoken::Algorithm;
use serde::{Deserialize, de::IgnoredAny};

use super::refused::Refused;

/// What is looked at in a header. Thumbprints of certificates (`x5t`), which some issuers send along, name no key here.
#[derive(Deserialize)]
pub struct Head {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
}

impl Head {
    /// The id of the key and the algorithm, if nothing else would have to be understood: keys come from our set, never from
    /// a token, and an extension that must be understood is not.
    pub fn acceptable(&self) -> Result<(&str, Algorithm), Refused> {
        let brings_a_key = [&self.jku, &self.jwk, &self.x5u, &self.x5c];
        let is_more_than_signed = [&self.crit, &self.zip, &self.enc];
        let typ_fits = self.typ.as_deref().is_none_or(|typ| {
            typ.eq_ignore_ascii_case("JWT")
                || typ.eq_ignore_ascii_case("at+jwt")
                || typ.eq_ignore_ascii_case("application/at+jwt")
        });
        if brings_a_key.into_iter().chain(is_more_than_signed).any(Option::is_some) || !typ_fits {
            return Err(Refused::Header);
        }
        let algorithm = algorithm(&self.alg).ok_or(Refused::Header)?;
        Ok((self.kid.as_deref().ok_or(Refused::UnknownKey)?, algorithm))
    }
}

/// Those that tokens are taken with. None has a secret that both sides know, and none is no signature at all.
pub fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        // Both names of signatures with an Ed25519 key (RFC 8037, RFC 9864).
        "EdDSA" | "Ed25519" => Some(Algorithm::EdDSA),
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        _ => None,
    }
}
