//! Keys: our own, which signs, and the public ones that tokens are checked with.

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    config::Config,
    keys::{self, KeyError},
};

const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// A public key as it is published (RFC 8037, RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Jwk {
    #[schema(examples("OKP"))]
    pub kty: String,
    #[schema(examples("Ed25519"))]
    pub crv: String,
    /// The public key, base64url.
    #[schema(examples("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))]
    pub x: String,
    #[schema(examples("2026-01"))]
    pub kid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub alg: Option<String>,
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub usage: Option<String>,
}

/// The key that tokens of ours are signed with.
pub struct SigningKey {
    pub jwk: Jwk,
    pub(super) encoding: EncodingKey,
}

/// Whose tokens a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Ours,
    /// Those of the other issuer.
    Outside,
}

/// A public key, with the one algorithm that it is good for.
#[derive(Clone)]
pub struct VerifyingKey {
    pub algorithm: Algorithm,
    pub whose: Whose,
    /// Tells it from another one with the same id.
    pub print: [u8; 32],
    decoding: DecodingKey,
}

/// Public keys by their id.
#[derive(Clone, Default)]
pub struct KeySet(Arc<HashMap<String, VerifyingKey>>);

impl SigningKey {
    /// The configured key; in development, one that is made on the first use. `None` where tokens
    /// come from another issuer and no key is configured.
    pub fn load(config: &Config) -> Result<Option<Self>, KeyError> {
        let pem = match &config.tokens.signing_key_file {
            Some(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if config.is_production() && name.starts_with(keys::DEVELOPMENT_PREFIX) {
                    return Err(KeyError::Unusable(
                        "setting tokens.signing_key_file: names a development key",
                    ));
                }
                keys::read(path)?
            }
            None if config.tokens.jwks_url.is_some() => return Ok(None),
            None => keys::development_key(config, "signing.pem", generate_pem)?,
        };
        Self::from_pem(&pem).map(Some)
    }

    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let unusable = KeyError::Unusable("the signing key is not an Ed25519 key in PKCS#8 PEM");
        let base64: String = pem
            .trim()
            .strip_prefix(PEM_BEGIN)
            .and_then(|rest| rest.strip_suffix(PEM_END))
            .map(|body| body.split_whitespace().collect())
            .unwrap_or_default();
        let Ok(der) = STANDARD.decode(base64) else { return Err(unusable) };
        let Ok(pair) = Ed25519KeyPair::from_pkcs8(&der) else { return Err(unusable) };
        let jwk = Jwk::of(pair.public_key().as_ref());
        Ok(Self { jwk, encoding: EncodingKey::from_ed_der(&der) })
    }

    /// A key that is made at random.
    pub fn random() -> Self {
        Self::from_pem(&generate_pem()).expect("a key that was just made can be read")
    }
}

fn generate_pem() -> String {
    let pair = Ed25519KeyPair::generate().expect("the machine's random numbers are available");
    let der = pair.to_pkcs8v1().expect("a key pair has a PKCS#8 form");
    format!("{PEM_BEGIN}\n{}\n{PEM_END}\n", STANDARD.encode(der.as_ref()))
}

impl Jwk {
    fn of(public_key: &[u8]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public_key);
        // RFC 7638 with RFC 8037: the required members, in this order, without spaces.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(Sha256::digest(members));
        Self {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x,
            kid,
            alg: Some("EdDSA".into()),
            usage: Some("sig".into()),
        }
    }

    /// Whether this key may be used to check tokens.
    fn signs(&self) -> bool {
        self.kty == "OKP"
            && self.crv == "Ed25519"
            && self.alg.as_deref().is_none_or(|alg| alg == "EdDSA" || alg == "Ed25519")
            && self.usage.as_deref().is_none_or(|usage| usage == "sig")
    }
}

impl VerifyingKey {
    /// `print` is a digest of what it is made of.
    pub fn outside(algorithm: Algorithm, decoding: DecodingKey, print: [u8; 32]) -> Self {
        Self { algorithm, whose: Whose::Outside, print, decoding }
    }

    pub fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

impl KeySet {
    /// Our own. Keys of another kind are left out.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a Jwk>) -> Self {
        let usable = keys.into_iter().filter(|key| key.signs());
        let of = |key: &Jwk| {
            let decoding = DecodingKey::from_ed_components(&key.x).ok()?;
            let print = Sha256::digest(&key.x).into();
            Some(VerifyingKey { algorithm: Algorithm::EdDSA, whose: Whose::Ours, print, decoding })
        };
        Self(Arc::new(usable.filter_map(|key| Some((key.kid.clone(), of(key)?))).collect()))
    }

    /// These beside them, by their ids. An id that is taken already keeps its key, so that no other issuer can stand in
    /// for us.
    #[must_use]
    pub fn with_outside(self, outside: impl IntoIterator<Item = (String, VerifyingKey)>) -> Self {
        let mut keys = HashMap::clone(&self.0);
        for (kid, key) in outside {
            keys.entry(kid).or_insert(key);
        }
        Self(Arc::new(keys))
    }

    pub fn get(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0.get(kid)
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_key_is_its_thumbprint() {
        // RFC 8037, appendix A.3.
        let x = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("base64url");
        assert_eq!(Jwk::of(&x).kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_for_another_algorithm_is_left_out() {
        let mut key = SigningKey::random().jwk;
        assert!(KeySet::new([&key]).get(&key.kid).is_some());
        key.alg = Some("HS256".into());
        assert!(KeySet::new([&key]).is_empty());
    }

    #[test]
    fn what_is_not_an_ed25519_key_is_refused() {
        assert!(SigningKey::from_pem("").is_err());
        assert!(SigningKey::from_pem(&format!("{PEM_BEGIN}\nc2hvcnQ=\n{PEM_END}")).is_err());
    }
}
