//! The account of a person who can log in: `account/{id}`. It knows what there is to log in with, and no secret: those
//! are in rows of their own, which it names by random ids.

mod decide;
mod event;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{code::GeneralCode, codes, rejection_codes, sealed::Sealed};

pub use event::{Event, FactorKind, PasswordChange, SessionsEnd};
pub use values::{Language, ProviderName, RoleName, RuleName};

/// Keys of an account that are not revoked.
pub const MAX_KEYS: usize = 50;
/// Second factors of an account, of all kinds.
pub const MAX_FACTORS: usize = 20;
/// People at other issuers that an account can be logged in to as.
pub const MAX_IDENTITIES: usize = 10;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Account {
    #[default]
    Unknown,
    Known(Box<Details>),
    /// The person has left, and nothing of them is kept here.
    Erased,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The account's address, with its id; `None` until one was verified.
    pub verified: Option<(Uuid, Sealed)>,
    /// The address that waits to be verified, with its id.
    pub pending: Option<(Uuid, Sealed)>,
    pub name: Option<Sealed>,
    pub language: Option<Language>,
    pub news: bool,
    /// The row with the password's hash.
    pub password: Uuid,
    pub roles: BTreeSet<RoleName>,
    pub factors: BTreeMap<Uuid, FactorKind>,
    /// Whom other issuers know the person as, by the ids of the rows that say it.
    pub identities: BTreeMap<Uuid, ProviderName>,
    /// Keys that are not revoked. They may have expired.
    pub keys: BTreeMap<Uuid, KeyDetails>,
    pub revoked_keys: BTreeSet<Uuid>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyDetails {
    pub scopes: Vec<RuleName>,
    pub expires_at: Option<DateTime<Utc>>,
    pub name: Sealed,
}

#[derive(Debug, Clone)]
pub enum Command {
    Register {
        address: Uuid,
        email: Sealed,
        name: Option<Sealed>,
        password: Uuid,
        roles: Vec<RoleName>,
    },
    /// Takes the place of an address that waits to be verified.
    RequestAddress {
        address: Uuid,
        email: Sealed,
    },
    VerifyAddress {
        address: Uuid,
    },
    ChangePassword {
        password: Uuid,
        why: PasswordChange,
    },
    Describe {
        name: Option<Sealed>,
        language: Option<Language>,
        news: bool,
    },
    /// Recovery codes take the place of those that were there.
    AddFactor {
        factor: Uuid,
        kind: FactorKind,
    },
    RemoveFactor {
        factor: Uuid,
    },
    LinkIdentity {
        identity: Uuid,
        provider: ProviderName,
    },
    /// `may_be_last`: there is something else to log in with, such as a password.
    UnlinkIdentity {
        identity: Uuid,
        may_be_last: bool,
    },
    /// Grants and revokes what is needed to have exactly these.
    SetRoles {
        roles: BTreeSet<RoleName>,
        reason: Sealed,
    },
    IssueKey {
        key: Uuid,
        name: Sealed,
        scopes: Vec<RuleName>,
        expires_at: Option<DateTime<Utc>>,
        replaces: Option<Uuid>,
    },
    RevokeKey {
        key: Uuid,
    },
    EndSessions {
        why: SessionsEnd,
    },
    Erase,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no such account")]
    NotFound,
    #[error("there is an account with this id")]
    AlreadyExists,
    #[error("this is not the address that waits to be verified")]
    AddressNotPending,
    #[error("the account has a second factor of this kind, and can have one only")]
    FactorExists,
    #[error("an account has at most {MAX_FACTORS} second factors")]
    TooManyFactors,
    #[error("an account has at most {MAX_IDENTITIES} log-ins elsewhere")]
    TooManyIdentities,
    #[error("there is nothing else to log in with: choose a password first")]
    LastWayIn,
    #[error("the account has no such key")]
    NoSuchKey,
    #[error("an account has at most {MAX_KEYS} keys that are not revoked")]
    TooManyKeys,
}

codes! {
    "codes",
    /// Why a change of an account is refused, where the general codes don't say it.
    pub enum AccountCode {
        AddressNotPending = Invalid, "address_not_pending", "Address not pending";
        FactorExists = Conflict, "factor_exists", "Second factor exists";
        TooManyFactors = Invalid, "too_many_factors", "Too many second factors";
        TooManyIdentities = Invalid, "too_many_identities", "Too many log-ins elsewhere";
        LastWayIn = Conflict, "last_way_in", "Last way in";
        TooManyKeys = Invalid, "too_many_keys", "Too many keys";
    }
}

rejection_codes! {
    Rejection {
        NotFound => GeneralCode::NotFound,
        AlreadyExists => GeneralCode::AlreadyExists,
        AddressNotPending => AccountCode::AddressNotPending,
        FactorExists => AccountCode::FactorExists,
        TooManyFactors => AccountCode::TooManyFactors,
        TooManyIdentities => AccountCode::TooManyIdentities,
        LastWayIn => AccountCode::LastWayIn,
        NoSuchKey => GeneralCode::NotFound,
        TooManyKeys => AccountCode::TooManyKeys,
    }
}

impl Account {
    /// `None` if it was never registered, and if it is erased.
    pub fn details(&self) -> Option<&Details> {
        match self {
            Self::Known(details) => Some(details),
            Self::Unknown | Self::Erased => None,
        }
    }

    /// Whether someone can log in: its address was verified once, and it is not erased.
    pub fn is_usable(&self) -> bool {
        self.details().is_some_and(|account| account.verified.is_some())
    }

    pub fn is_erased(&self) -> bool {
        matches!(self, Self::Erased)
    }
}

impl Details {
    /// Whether a password alone is not enough. Recovery codes only stand in for another factor.
    pub fn needs_second_factor(&self) -> bool {
        self.factors.values().any(|kind| *kind != FactorKind::RecoveryCodes)
    }

    /// The factors of this kind, by their ids.
    pub fn factors_of(&self, kind: FactorKind) -> impl Iterator<Item = Uuid> {
        self.factors.iter().filter(move |(_, other)| **other == kind).map(|(factor, _)| *factor)
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.roles.iter().any(|held| held.as_str() == role)
    }
}
