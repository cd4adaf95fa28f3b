//! What tokens say: ours, claim by claim as we write them, and those of another issuer, which says it in its own way.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{refused::Refused, roles::Named};
use crate::config::Tokens;

/// How far clocks may be apart.
pub const TOLERANCE_S: i64 = 30;
/// No token is valid for longer than a leap year, so revocations need not be kept for longer.
pub const MAX_LIFETIME_S: i64 = 366 * 24 * 3_600;
const MAX_SUBJECT_CHARS: usize = 128;
/// Whole numbers up to this are told apart by a floating-point number (2^53).
const LATEST_S: f64 = 9_007_199_254_740_992.0;

/// What a token says, one of ours or of another issuer.
pub struct Claimed {
    pub subject: String,
    pub roles: Named,
    /// Its `jti`. Empty, if it has none: then it can't be revoked by itself.
    pub id: String,
    pub log_in: LogIn,
    /// Unix time in seconds, as the others.
    pub issued_at: i64,
    pub not_before: i64,
    pub expires_at: i64,
}

/// How the owner of a token has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogIn {
    /// `None`: the token belongs to no session.
    pub session: Option<Uuid>,
    /// When they proved who they are. Unix time in seconds.
    pub at: i64,
}

/// What a token of ours says. All but the last two of it is required, and numbers are numbers.
#[derive(Debug, Serialize, Deserialize)]
pub struct OwnClaims {
    pub iss: String,
    pub aud: Audience,
    pub sub: String,
    #[serde(deserialize_with = "numeric_date")]
    pub exp: i64,
    #[serde(deserialize_with = "numeric_date")]
    pub nbf: i64,
    #[serde(deserialize_with = "numeric_date")]
    pub iat: i64,
    pub jti: String,
    pub roles: Vec<String>,
    /// The session that it is of (OpenID Connect Front-Channel Logout 1.0, section 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// When its owner proved who they are (OpenID Connect Core 1.0, section 2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

/// What a token of another issuer says at least (RFC 7519, RFC 9068).
#[derive(Deserialize)]
struct OutsideClaims {
    iss: String,
    aud: Audience,
    sub: String,
    #[serde(deserialize_with = "numeric_date")]
    exp: i64,
    #[serde(deserialize_with = "numeric_date")]
    iat: i64,
    #[serde(default, deserialize_with = "some_numeric_date")]
    nbf: Option<i64>,
    jti: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Whom a token must be from, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub issuer: String,
    pub audience: String,
}

/// How another issuer's tokens are understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideTerms {
    pub terms: Terms,
    /// The claim that names roles. Names with dots between them lead through objects.
    pub roles_claim: String,
    /// Their names of roles, and ours. Empty: they are the same.
    pub role_map: BTreeMap<String, String>,
    /// What every subject of theirs begins with here.
    pub subject_prefix: String,
}

impl Terms {
    fn check(&self, issuer: &str, audience: &Audience) -> Result<(), Refused> {
        let for_us = match audience {
            Audience::One(audience) => *audience == self.audience,
            Audience::Several(audiences) => audiences.contains(&self.audience),
        };
        if issuer == self.issuer && for_us { Ok(()) } else { Err(Refused::Elsewhere) }
    }

    /// What a token of ours says.
    pub fn read(&self, claims: &[u8]) -> Result<Claimed, Refused> {
        let OwnClaims { iss, aud, sub, exp, nbf, iat, jti, roles, sid, auth_time } = parse(claims)?;
        self.check(&iss, &aud)?;
        if jti.is_empty() {
            return Err(Refused::Claims);
        }
        let roles = Named::of(&roles);
        // Tokens that belong to no session are made by the one who has the key, who is taken for present.
        let log_in = LogIn { session: sid, at: auth_time.unwrap_or(iat) };
        Ok(Claimed { subject: sub, roles, id: jti, log_in, issued_at: iat, not_before: nbf, expires_at: exp })
    }
}

impl OutsideTerms {
    /// Those of an issuer that writes tokens as we do.
    pub fn alike(terms: Terms) -> Self {
        let (role_map, subject_prefix) = (BTreeMap::new(), String::new());
        Self { terms, roles_claim: "roles".into(), role_map, subject_prefix }
    }

    pub fn of(tokens: &Tokens) -> Self {
        let issuer = tokens.outside_issuer.as_ref().unwrap_or(&tokens.issuer).clone();
        let audience = tokens.outside_audience.as_ref().unwrap_or(&tokens.audience).clone();
        Self {
            terms: Terms { issuer, audience },
            roles_claim: tokens.roles_claim.clone(),
            role_map: tokens.role_map.clone(),
            subject_prefix: tokens.subject_prefix().to_owned(),
        }
    }

    /// What a token of theirs says.
    pub fn read(&self, claims: &[u8]) -> Result<Claimed, Refused> {
        let OutsideClaims { iss, aud, sub, exp, iat, nbf, jti, others } = parse(claims)?;
        self.terms.check(&iss, &aud)?;
        if !is_subject(&sub) {
            return Err(Refused::Claims);
        }
        let names = match claim(&others, &self.roles_claim) {
            Some(names) => Vec::deserialize(names).map_err(|_| Refused::Claims)?,
            // Issuers leave it out where there is none.
            None => vec![],
        };
        Ok(Claimed {
            subject: format!("{}{sub}", self.subject_prefix),
            roles: self.roles(&names),
            id: jti.unwrap_or_default(),
            // A token that was refreshed tells nothing of when its owner was there.
            log_in: LogIn { session: None, at: others.get("auth_time").and_then(Value::as_i64).unwrap_or(0) },
            issued_at: iat,
            not_before: nbf.unwrap_or(iat),
            expires_at: exp,
        })
    }

    fn roles(&self, names: &[String]) -> Named {
        match self.role_map.is_empty() {
            true => Named::of(names),
            false => Named::of(names.iter().filter_map(|name| self.role_map.get(name))),
        }
    }
}

impl Claimed {
    /// Whether it counts at this moment, Unix time in seconds.
    pub fn check(&self, now: i64) -> Result<(), Refused> {
        let latest_start = now.saturating_add(TOLERANCE_S);
        if self.expires_at.saturating_add(TOLERANCE_S) <= now
            || self.not_before > latest_start
            || self.issued_at > latest_start
        {
            return Err(Refused::Time);
        }
        let is_too_long = self.expires_at.saturating_sub(self.issued_at) > MAX_LIFETIME_S;
        if !is_subject(&self.subject) || is_too_long { Err(Refused::Claims) } else { Ok(()) }
    }
}

pub fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT_CHARS).contains(&text.chars().count())
        && text.trim().len() == text.len()
        && !text.chars().any(char::is_control)
}

fn parse<'a, C: Deserialize<'a>>(claims: &'a [u8]) -> Result<C, Refused> {
    serde_json::from_slice(claims).map_err(|_| Refused::Claims)
}

/// The claim of that name, which may have dots itself, such as an address; else what its parts lead to.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(found) = claims.get(name) {
        return Some(found);
    }
    let (first, rest) = name.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

/// A time as tokens have it, which may have a fraction (RFC 7519, section 2): the second that it is in.
pub(super) fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let out_of_range = || D::Error::custom("a time that can't be");
    if let Some(seconds) = number.as_i64() {
        return Ok(seconds);
    }
    let seconds = number.as_f64().map(f64::floor).ok_or_else(out_of_range)?;
    #[allow(clippy::cast_possible_truncation, reason = "it is within bounds, and whole")]
    if seconds.abs() <= LATEST_S { Ok(seconds as i64) } else { Err(out_of_range()) }
}

fn some_numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    numeric_date(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_found_by_its_whole_name_first_and_then_by_its_parts() {
        let claims = json!({"roles": 1, "a": {"b": {"c": 2}, "d.e": 3}, "https://x.example/r": 4, "n": null});
        let claims = claims.as_object().expect("an object");
        let found = |name: &str| claim(claims, name).and_then(Value::as_i64);
        for (name, value) in [("roles", 1), ("a.b.c", 2), ("a.d.e", 3), ("https://x.example/r", 4)] {
            assert_eq!(found(name), Some(value), "{name}");
        }
        for name in ["role", "a.b.c.d", "roles.x", "n.x", "", ".", "a."] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
