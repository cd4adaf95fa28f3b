//! A set of keys as an issuer publishes it (RFC 7517): those of it that its tokens may be signed with.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{header, keys::VerifyingKey};

const MAX_KEYS: usize = 100;
const MAX_ID_CHARS: usize = 256;
/// Shorter keys of RSA can be broken; longer ones take very long to check with.
const BITS_OF_RSA: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// The usual one. Smaller exponents have a history.
const LEAST_EXPONENT: u64 = 65_537;
/// Bytes of a number of Ed25519 and P-256.
const COORDINATE_BYTES: usize = 32;

/// A member of a key that is of no use is not read.
#[derive(Deserialize)]
struct Key {
    kty: String,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The keys that signatures can be checked with, by their ids. All others are left out: those for something else, of another
/// kind or too weak, and those that can't be read.
pub fn usable(keys: &[Value]) -> Vec<(String, VerifyingKey)> {
    let known = keys.iter().take(MAX_KEYS).filter_map(|key| Key::deserialize(key).ok());
    known.filter_map(|key| Some((key.kid.clone(), key.usable()?))).collect()
}

impl Key {
    fn usable(&self) -> Option<VerifyingKey> {
        let signs = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(|able| able.iter().any(|to| to == "verify"));
        let is_named = (1..=MAX_ID_CHARS).contains(&self.kid.chars().count()) && !self.kid.contains('\0');
        let (algorithm, decoding) = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => (Algorithm::EdDSA, self.ed25519()?),
            ("EC", Some("P-256")) => (Algorithm::ES256, self.p256()?),
            ("RSA", _) => (Algorithm::RS256, self.rsa()?),
            _ => return None,
        };
        // One that says for which algorithm it is means that one only.
        let is_meant = self.alg.as_deref().is_none_or(|name| header::algorithm(name) == Some(algorithm));
        (signs && is_named && is_meant).then(|| VerifyingKey::outside(algorithm, decoding, self.print()))
    }

    /// A digest of all that the key is made of.
    fn print(&self) -> [u8; 32] {
        let parts =
            [&self.crv, &self.x, &self.y, &self.n, &self.e].map(|part| part.as_deref().unwrap_or_default());
        Sha256::digest(format!("{} {}", self.kty, parts.join(" "))).into()
    }

    fn ed25519(&self) -> Option<DecodingKey> {
        let x = self.x.as_deref().filter(|x| is_coordinate(x))?;
        DecodingKey::from_ed_components(x).ok()
    }

    fn p256(&self) -> Option<DecodingKey> {
        let x = self.x.as_deref().filter(|x| is_coordinate(x))?;
        let y = self.y.as_deref().filter(|y| is_coordinate(y))?;
        DecodingKey::from_ec_components(x, y).ok()
    }

    fn rsa(&self) -> Option<DecodingKey> {
        let (n, e) = (self.n.as_deref()?, self.e.as_deref()?);
        let exponent = number(e).filter(|e| e.len() <= 8)?;
        let exponent = exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let is_strong = BITS_OF_RSA.contains(&bits(&number(n)?)) && exponent >= LEAST_EXPONENT;
        is_strong.then(|| DecodingKey::from_rsa_components(n, e).ok()).flatten()
    }
}

/// Its bytes, the highest one first, without zeros in front.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros() as usize);
    number.len() * 8 - unused
}

fn is_coordinate(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == COORDINATE_BYTES)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 8037, appendix A.2, and RFC 7517, appendix A.1.
    const ED: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

    fn modulus(bits: usize) -> String {
        let mut bytes = vec![0xa5; bits / 8];
        bytes[bits / 8 - 1] = 1;
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn algorithm_of(key: Value) -> Option<Algorithm> {
        usable(&[key]).first().map(|(_, key)| key.algorithm)
    }

    #[test]
    fn each_kind_of_key_has_one_algorithm() {
        let of_rsa = json!({"kty": "RSA", "kid": "r", "n": modulus(2_048), "e": "AQAB"});
        let of_p256 = json!({"kty": "EC", "kid": "p", "crv": "P-256", "x": X, "y": Y});
        let of_ed = json!({"kty": "OKP", "kid": "o", "crv": "Ed25519", "x": ED});
        for (key, own, name) in [
            (of_rsa, Algorithm::RS256, "RS256"),
            (of_p256, Algorithm::ES256, "ES256"),
            (of_ed, Algorithm::EdDSA, "EdDSA"),
        ] {
            assert_eq!(algorithm_of(key.clone()), Some(own));
            let with = |member: &str, value: Value| {
                let mut key = key.clone();
                key[member] = value;
                algorithm_of(key)
            };
            assert_eq!(with("alg", json!(name)), Some(own));
            assert_eq!(with("use", json!("sig")), Some(own));
            assert_eq!(with("key_ops", json!(["verify"])), Some(own));
            for other in ["RS256", "ES256", "EdDSA", "PS256", "RS512", "ES384", "HS256", "none", "RSA-OAEP"] {
                assert_eq!(with("alg", json!(other)).is_some(), other == name, "{name} as {other}");
            }
            assert_eq!(with("use", json!("enc")), None);
            assert_eq!(with("key_ops", json!(["encrypt"])), None);
            assert_eq!(with("kid", json!("")), None);
        }
    }

    #[test]
    fn keys_that_are_weak_or_of_another_kind_are_left_out() {
        let of_rsa = |bits, e: &str| json!({"kty": "RSA", "kid": "r", "n": modulus(bits), "e": e});
        for bits in [512, 1_024, 2_040, 16_384] {
            assert_eq!(algorithm_of(of_rsa(bits, "AQAB")), None, "{bits}");
        }
        assert_eq!(algorithm_of(of_rsa(2_048, "Aw")), None);
        // It is no longer for the zeros in front of it.
        let padded = URL_SAFE_NO_PAD.encode([&[0; 128][..], &[0xa5; 128]].concat());
        for key in [
            json!({"kty": "RSA", "kid": "r", "n": padded, "e": "AQAB"}),
            json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0", "alg": "HS256"}),
            json!({"kty": "EC", "kid": "p", "crv": "P-384", "x": X, "y": Y}),
            json!({"kty": "EC", "kid": "p", "crv": "P-256", "x": X}),
            json!({"kty": "EC", "kid": "p", "crv": "P-256", "x": X, "y": "AAAA"}),
            json!({"kty": "OKP", "kid": "o", "crv": "X25519", "x": ED}),
            json!({"kty": "OKP", "kid": "o", "crv": "Ed25519", "x": "AAAA"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": ED}),
            json!("a key"),
        ] {
            assert_eq!(algorithm_of(key.clone()), None, "{key}");
        }
    }
}
