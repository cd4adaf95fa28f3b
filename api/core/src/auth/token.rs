//! Bearer tokens: JWTs (RFC 7519), ours and those of another issuer, checked here claim by claim (RFC 8725).

use std::{
    fmt::Display,
    sync::{Arc, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use daybook_domain::policy::{Actor, ActorKind, Role};
use jsonwebtoken::{Algorithm, Header};
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    claims::{
        Audience, Claimed, LogIn, MAX_LIFETIME_S, OutsideTerms, OwnClaims, TOLERANCE_S, Terms, is_subject,
    },
    freshness::Freshness,
    keys::{KeySet, SigningKey, Whose},
    refused::Refused,
    revoked::{Marks, Revocations, Revoked},
    roles::{Named, RoleTable},
    signed::{self, Signed},
};
use crate::entropy::{self, Clock};

const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// Tokens that were found valid and are not checked again, at most.
const REMEMBERED_TOKENS: u64 = 200_000;
/// How long a token is remembered after it was last used.
const REMEMBERED_FOR: Duration = Duration::from_secs(300);

const UNPOISONED: &str = "nobody panics while holding this lock";

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
    own: Terms,
    outside: OutsideTerms,
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
    log_in: LogIn,
    /// That of its key.
    print: [u8; 32],
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

impl SigningKey {
    /// A signed token.
    pub fn mint<R: Display>(
        &self,
        issuer: &str,
        audience: &str,
        now: DateTime<Utc>,
        grant: &Grant<'_, R>,
    ) -> String {
        self.sign(issuer, audience, now, grant, None)
    }

    /// A signed token of someone who has logged in.
    pub fn mint_for<R: Display>(
        &self,
        issuer: &str,
        audience: &str,
        now: DateTime<Utc>,
        grant: &Grant<'_, R>,
        log_in: LogIn,
    ) -> String {
        self.sign(issuer, audience, now, grant, Some(log_in))
    }

    fn sign<R: Display>(
        &self,
        issuer: &str,
        audience: &str,
        now: DateTime<Utc>,
        grant: &Grant<'_, R>,
        log_in: Option<LogIn>,
    ) -> String {
        let issued_at = now.timestamp();
        let ttl_s = i64::try_from(grant.ttl.as_secs()).unwrap_or(i64::MAX);
        let claims = OwnClaims {
            iss: issuer.to_owned(),
            aud: Audience::One(audience.to_owned()),
            sub: grant.subject.to_owned(),
            exp: issued_at.saturating_add(ttl_s),
            nbf: issued_at,
            iat: issued_at,
            jti: entropy::new_id().simple().to_string(),
            roles: grant.roles.iter().map(R::to_string).collect(),
            sid: log_in.and_then(|log_in| log_in.session),
            auth_time: log_in.map(|log_in| log_in.at),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.jwk.kid.clone());
        jsonwebtoken::encode(&header, &claims, &self.encoding).expect("an Ed25519 key signs any claims")
    }
}

impl Verifier {
    pub fn new(issuer: &str, audience: &str, keys: KeySet, clock: Clock) -> Self {
        let valid = Cache::builder().max_capacity(REMEMBERED_TOKENS).time_to_live(REMEMBERED_FOR).build();
        let own = Terms { issuer: issuer.to_owned(), audience: audience.to_owned() };
        Self {
            outside: OutsideTerms::alike(own.clone()),
            own,
            clock,
            keys: RwLock::new(keys),
            revocations: RwLock::default(),
            freshness: Freshness::new(Duration::MAX),
            roles: RoleTable::default(),
            valid,
        }
    }

    /// How tokens are understood that are signed with keys of another issuer.
    #[must_use]
    pub fn with_outside(self, outside: OutsideTerms) -> Self {
        Self { outside, ..self }
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
    pub fn replace_revocations(&self, revoked: Vec<(Revoked, i64)>, ended: Vec<Uuid>) {
        let mut all = Revocations::default();
        for (revoked, issued_until) in revoked {
            all.add(revoked, issued_until);
        }
        all.end(ended);
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
            && self.has_key(&valid)
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
        let (key, print, claimed) = self.claimed(presented.token)?;
        claimed.check(self.now())?;
        let Claimed { subject, roles, id, log_in, issued_at, expires_at, .. } = claimed;
        let (rules, generation) = self.roles.resolve(&roles);
        let actor = Arc::new(Actor { subject, kind: ActorKind::Person, rules });
        let (id, made) = (id.into(), Arc::clone(&actor));
        let valid = Valid { actor: made, roles, generation, id, key, log_in, print, issued_at, expires_at };
        if self.is_revoked(&valid) {
            return Err(Refused::Revoked);
        }
        self.valid.insert(presented.hash, Arc::new(valid));
        Ok(actor)
    }

    /// How the owner of this token has logged in, if it was found valid before.
    pub fn log_in(&self, presented: &Presented) -> Option<LogIn> {
        self.valid.get(&presented.hash).map(|valid| valid.log_in)
    }

    /// These sessions and API keys have ended.
    pub fn end(&self, ids: impl IntoIterator<Item = Uuid>) {
        self.revocations.write().expect(UNPOISONED).end(ids);
    }

    /// Whether the session or API key with this id has ended.
    pub fn has_ended(&self, id: Uuid) -> bool {
        self.revocations.read().expect(UNPOISONED).has_ended(id)
    }

    /// Whether what `subject` had at that Unix time has ended since.
    pub fn has_subject_ended(&self, subject: &str, since: i64) -> bool {
        self.revocations.read().expect(UNPOISONED).cover_subject(subject, since)
    }

    /// Whether it is valid now, for what goes on for longer than a request.
    pub fn standing(&self, presented: &Presented) -> Standing {
        if !self.freshness.is_fresh() {
            return Standing::Unknown;
        }
        let is_good = self.remembered(presented).is_some() || self.verify(presented).is_ok();
        if is_good { Standing::Good } else { Standing::Ended }
    }

    /// Whether the key that signed it is there, and still the same one.
    fn has_key(&self, token: &Valid) -> bool {
        let keys = self.keys.read().expect(UNPOISONED);
        keys.get(&token.key).is_some_and(|key| key.print == token.print)
    }

    fn is_revoked(&self, token: &Valid) -> bool {
        let Valid { actor, id, key, issued_at, log_in, .. } = token;
        let session = log_in.session;
        let marks = Marks { id, subject: &actor.subject, key, session, issued_at: *issued_at };
        self.revocations.read().expect(UNPOISONED).cover(&marks)
    }

    /// What it says, with the id and the print of the key that signed it.
    fn claimed(&self, token: &str) -> Result<(Box<str>, [u8; 32], Claimed), Refused> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refused::Malformed);
        }
        let keys = self.keys.read().expect(UNPOISONED).clone();
        let Signed { kid, key, claims } = signed::check(token, &keys)?;
        // Whose key it is decides whose issuer it must name: neither speaks for the other.
        let claimed = match key.whose {
            Whose::Ours => self.own.read(&claims)?,
            Whose::Outside => self.outside.read(&claims)?,
        };
        Ok((kid, key.print, claimed))
    }
}

#[cfg(test)]
mod tests;
