//! Bearer tokens: JWTs (RFC 7519) signed with EdDSA, checked here claim by claim.

use std::{
    fmt::Display,
    sync::{Arc, RwLock},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use daybook_domain::policy::{Actor, ActorKind, Role};
use jsonwebtoken::{Algorithm, Header};
use moka::sync::Cache;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, IgnoredAny},
};
use sha2::{Digest, Sha256};

use super::{
    freshness::Freshness,
    keys::{KeySet, SigningKey},
    revoked::{Marks, Revocations, Revoked},
    roles::{Named, RoleTable},
};
use crate::entropy::{self, Clock};

/// How far clocks may be apart.
const TOLERANCE_S: i64 = 30;
const MAX_TOKEN_BYTES: usize = 8 * 1024;
const MAX_SUBJECT_CHARS: usize = 128;
/// Tokens that were found valid and are not checked again, at most.
const REMEMBERED_TOKENS: u64 = 200_000;
/// How long a token is remembered after it was last used.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);
/// No token is valid for longer than a leap year, so revocations need not be kept for longer.
pub const MAX_LIFETIME_S: i64 = 366 * 24 * 3_600;

/// Both names of signatures with an Ed25519 key (RFC 8037, RFC 9864). Our keys are all of that kind.
const ALGORITHMS: [&str; 2] = ["EdDSA", "Ed25519"];
/// Whole numbers up to this are told apart by a floating-point number (2^53).
const LATEST_S: f64 = 9_007_199_254_740_992.0;

const UNPOISONED: &str = "nobody panics while holding this lock";

/// All of them are required, and numbers are numbers.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    #[serde(deserialize_with = "numeric_date")]
    exp: i64,
    #[serde(deserialize_with = "numeric_date")]
    nbf: i64,
    #[serde(deserialize_with = "numeric_date")]
    iat: i64,
    jti: String,
    roles: Vec<String>,
}

/// What is looked at in a header.
#[derive(Deserialize)]
struct Head {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    x5t: Option<IgnoredAny>,
    #[serde(rename = "x5t#S256")]
    x5t_s256: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What a new token says. Its roles are named by words, or by names of custom roles.
pub struct Grant<'a, R = Role> {
    pub subject: &'a str,
    pub roles: &'a [R],
    pub ttl: Duration,
}

/// Why a token can't say that, in the words of who asks for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a subject has 1 to 128 characters, no control characters, and no space at its ends")]
    Subject,
    #[error("a token is good for 1s to 366d")]
    Lifetime,
}

/// Why a token is no good: for our metrics and logs, never for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("malformed")]
    Malformed,
    #[error("unacceptable_header")]
    Header,
    #[error("unknown_key")]
    UnknownKey,
    #[error("bad_signature")]
    Signature,
    #[error("bad_claims")]
    Claims,
    #[error("wrong_issuer_or_audience")]
    Elsewhere,
    #[error("expired_or_not_yet_valid")]
    Time,
    #[error("revoked")]
    Revoked,
}

/// How a token is doing that something was begun with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Good,
    Ended,
    /// It may have been revoked: that could not be read for too long.
    Unknown,
}

/// Checks tokens, and remembers the valid ones.
pub struct Verifier {
    issuer: String,
    audience: String,
    clock: Clock,
    keys: RwLock<KeySet>,
    revocations: RwLock<Revocations>,
    freshness: Freshness,
    roles: RoleTable,
    valid: Cache<[u8; 32], Arc<Valid>>,
}

/// A token that was found valid.
#[derive(Clone)]
struct Valid {
    actor: Arc<Actor>,
    roles: Named,
    /// That of the table of roles by which its actor was made.
    generation: u64,
    id: Box<str>,
    key: Box<str>,
    /// Unix time in seconds.
    issued_at: i64,
    /// Unix time in seconds.
    expires_at: i64,
}

/// A token in its compact form, and the hash that it is remembered by.
pub struct Presented<'a> {
    token: &'a str,
    hash: [u8; 32],
}

impl<'a> Presented<'a> {
    pub fn new(token: &'a str) -> Self {
        Self { token, hash: Sha256::digest(token).into() }
    }
}

impl<R> Grant<'_, R> {
    /// Whether a server would take a token that says this: the same rules.
    pub fn check(&self) -> Result<(), Unfit> {
        let ttl_s = i64::try_from(self.ttl.as_secs()).unwrap_or(i64::MAX);
        if !is_subject(self.subject) {
            Err(Unfit::Subject)
        } else if !(1..=MAX_LIFETIME_S).contains(&ttl_s) {
            Err(Unfit::Lifetime)
        } else {
            Ok(())
        }
    }
}

fn is_subject(text: &str) -> bool {
    (1..=MAX_SUBJECT_CHARS).contains(&text.chars().count())
        && text.trim().len() == text.len()
        && !text.chars().any(char::is_control)
}

impl SigningKey {
    /// A signed token.
    pub fn mint<R: Display>(
        &self,
        issuer: &str,
        audience: &str,
        now: DateTime<Utc>,
        grant: &Grant<'_, R>,
    ) -> String {
        let issued_at = now.timestamp();
        let ttl_s = i64::try_from(grant.ttl.as_secs()).unwrap_or(i64::MAX);
        let claims = Claims {
            iss: issuer.to_owned(),
            aud: Audience::One(audience.to_owned()),
            sub: grant.subject.to_owned(),
            exp: issued_at.saturating_add(ttl_s),
            nbf: issued_at,
            iat: issued_at,
            jti: entropy::new_id().simple().to_string(),
            roles: grant.roles.iter().map(R::to_string).collect(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.jwk.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.encoding).expect("an Ed25519 key signs any claims")
    }
}

impl Verifier {
    pub fn new(issuer: &str, audience: &str, keys: KeySet, clock: Clock) -> Self {
        let valid = Cache::builder().max_capacity(REMEMBERED_TOKENS).time_to_live(REMEMBERED_FOR).build();
        Self {
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
            clock,
            keys: RwLock::new(keys),
            revocations: RwLock::default(),
            freshness: Freshness::new(Duration::MAX),
            roles: RoleTable::default(),
            valid,
        }
    }

    /// Who has read no revocations for so long can't say of any token that it is good.
    #[must_use]
    pub fn with_max_age(self, max_age: Duration) -> Self {
        Self { freshness: Freshness::new(max_age), ..self }
    }

    /// When revocations are read, and whether it is long ago.
    pub fn freshness(&self) -> &Freshness {
        &self.freshness
    }

    /// What roles come to, for tokens that were found valid before as well.
    pub fn roles(&self) -> &RoleTable {
        &self.roles
    }

    /// Other keys from now on, for tokens that were found valid before as well.
    pub fn replace_keys(&self, keys: KeySet) {
        *self.keys.write().expect(UNPOISONED) = keys;
    }

    /// These have ended, too. With each, the Unix time up to which tokens are meant.
    pub fn revoke(&self, revoked: impl IntoIterator<Item = (Revoked, i64)>) {
        let mut revocations = self.revocations.write().expect(UNPOISONED);
        for (revoked, issued_until) in revoked {
            revocations.add(revoked, issued_until);
        }
    }

    /// Whether tokens of this key have ended.
    pub fn is_key_revoked(&self, id: &str) -> bool {
        self.revocations.read().expect(UNPOISONED).has_key(id)
    }

    /// Whether no key would be left if this one ended, too.
    pub fn is_last_key(&self, id: &str) -> bool {
        let (keys, revocations) =
            (self.keys.read().expect(UNPOISONED), self.revocations.read().expect(UNPOISONED));
        let mut usable = keys.ids().filter(|key| !revocations.has_key(key)).peekable();
        usable.peek().is_some() && usable.all(|key| key == id)
    }

    /// These have ended, and no others.
    pub fn replace_revocations(&self, revoked: Vec<(Revoked, i64)>) {
        let mut all = Revocations::default();
        for (revoked, issued_until) in revoked {
            all.add(revoked, issued_until);
        }
        *self.revocations.write().expect(UNPOISONED) = all;
    }

    /// Unix time in seconds, as tokens are compared with.
    pub fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    /// What is left of this second, up to a second.
    pub fn left_of(&self, second: i64) -> Duration {
        let now = self.clock.now();
        if now.timestamp() > second {
            return Duration::ZERO;
        }
        Duration::from_millis(1_000_u64.saturating_sub(now.timestamp_subsec_millis().into()))
    }

    /// The owner of the token, if it was found valid before.
    pub fn remembered(&self, presented: &Presented) -> Option<Arc<Actor>> {
        let valid = self.valid.get(&presented.hash)?;
        let is_current = self.now() < valid.expires_at.saturating_add(TOLERANCE_S)
            && self.keys.read().expect(UNPOISONED).get(&valid.key).is_some()
            && !self.is_revoked(&valid);
        match is_current {
            true if valid.generation == self.roles.generation() => Some(Arc::clone(&valid.actor)),
            true => Some(self.resolve_anew(presented, &valid)),
            false => None,
        }
    }

    /// The table of roles has changed since it was found valid.
    fn resolve_anew(&self, presented: &Presented, valid: &Valid) -> Arc<Actor> {
        let (rules, generation) = self.roles.resolve(&valid.roles);
        let actor = Arc::new(Actor { rules, ..Actor::clone(&valid.actor) });
        let valid = Valid { actor: Arc::clone(&actor), generation, ..valid.clone() };
        self.valid.insert(presented.hash, Arc::new(valid));
        actor
    }

    /// The owner of the token, after checking everything about it.
    pub fn verify(&self, presented: &Presented) -> Result<Arc<Actor>, Refused> {
        let (key, claims) = self.signed_claims(presented.token)?;
        self.check(&claims)?;
        let Claims { sub, exp, iat, jti, roles, .. } = claims;
        let roles = Named::of(&roles);
        let (rules, generation) = self.roles.resolve(&roles);
        let actor = Arc::new(Actor { subject: sub, kind: ActorKind::Person, rules });
        let valid = Valid {
            actor: Arc::clone(&actor),
            roles,
            generation,
            id: jti.into(),
            key,
            issued_at: iat,
            expires_at: exp,
        };
        if self.is_revoked(&valid) {
            return Err(Refused::Revoked);
        }
        self.valid.insert(presented.hash, Arc::new(valid));
        Ok(actor)
    }

    /// Whether it is valid now, for what goes on for longer than a request.
    pub fn standing(&self, presented: &Presented) -> Standing {
        if !self.freshness.is_fresh() {
            return Standing::Unknown;
        }
        let is_good = self.remembered(presented).is_some() || self.verify(presented).is_ok();
        if is_good { Standing::Good } else { Standing::Ended }
    }

    fn is_revoked(&self, token: &Valid) -> bool {
        let Valid { actor, id, key, issued_at, .. } = token;
        let marks = Marks { id, subject: &actor.subject, key, issued_at: *issued_at };
        self.revocations.read().expect(UNPOISONED).cover(&marks)
    }

    /// The claims, with the id of the key that signed them.
    fn signed_claims(&self, token: &str) -> Result<(Box<str>, Claims), Refused> {
        if token.len() > MAX_TOKEN_BYTES || token.bytes().filter(|byte| *byte == b'.').count() != 2 {
            return Err(Refused::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refused::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(Refused::Malformed)?;
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refused::Malformed);
        let header: Head = serde_json::from_slice(&decoded(header)?).map_err(|_| Refused::Malformed)?;
        let kid = acceptable(&header)?;
        let keys = self.keys.read().expect(UNPOISONED).clone();
        let key = keys.get(kid).ok_or(Refused::UnknownKey)?;

        // Header and claims are read here: the library knows neither "Ed25519" (RFC 9864) nor required `jti` and
        // `roles`.
        match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, Algorithm::EdDSA) {
            Ok(true) => {}
            Ok(false) => return Err(Refused::Signature),
            Err(_) => return Err(Refused::Malformed),
        }
        let claims = serde_json::from_slice(&decoded(claims)?).map_err(|_| Refused::Claims)?;
        Ok((kid.into(), claims))
    }

    fn check(&self, claims: &Claims) -> Result<(), Refused> {
        let for_us = match &claims.aud {
            Audience::One(audience) => *audience == self.audience,
            Audience::Several(audiences) => audiences.contains(&self.audience),
        };
        if claims.iss != self.issuer || !for_us {
            return Err(Refused::Elsewhere);
        }
        let now = self.now();
        let latest_start = now.saturating_add(TOLERANCE_S);
        if claims.exp.saturating_add(TOLERANCE_S) <= now
            || claims.nbf > latest_start
            || claims.iat > latest_start
        {
            return Err(Refused::Time);
        }
        let is_too_long = claims.exp.saturating_sub(claims.iat) > MAX_LIFETIME_S;
        if !is_subject(&claims.sub) || claims.jti.is_empty() || is_too_long {
            return Err(Refused::Claims);
        }
        Ok(())
    }
}

/// A time as tokens have it, which may have a fraction (RFC 7519, section 2): the second that it is in.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let out_of_range = || D::Error::custom("a time that can't be");
    if let Some(seconds) = number.as_i64() {
        return Ok(seconds);
    }
    let seconds = number.as_f64().map(f64::floor).ok_or_else(out_of_range)?;
    #[allow(clippy::cast_possible_truncation, reason = "it is within bounds, and whole")]
    if seconds.abs() <= LATEST_S { Ok(seconds as i64) } else { Err(out_of_range()) }
}

/// The id of the key, if the header is one that we would write ourselves: keys come from our set, never
/// from a token, and an extension that must be understood is not.
fn acceptable(header: &Head) -> Result<&str, Refused> {
    let brings_a_key = [&header.jku, &header.jwk, &header.x5u, &header.x5c, &header.x5t, &header.x5t_s256];
    let is_more_than_signed = [&header.crit, &header.zip, &header.enc];
    let typ_fits = header.typ.as_deref().is_none_or(|typ| {
        typ.eq_ignore_ascii_case("JWT")
            || typ.eq_ignore_ascii_case("at+jwt")
            || typ.eq_ignore_ascii_case("application/at+jwt")
    });
    let unwanted = brings_a_key.into_iter().chain(is_more_than_signed).any(Option::is_some);
    if unwanted || !typ_fits || !ALGORITHMS.contains(&header.alg.as_str()) {
        return Err(Refused::Header);
    }
    header.kid.as_deref().ok_or(Refused::UnknownKey)
}

#[cfg(test)]
mod tests;
