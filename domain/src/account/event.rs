//! What happens to an account, as it is stored.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::values::{Language, ProviderName, RoleName, RuleName};
use crate::{decider, sealed::Sealed, words};

/// Stored for ever: add variants, never edit one. What is secret is named by the id of the row that has it, and what is
/// personal is sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    #[serde(rename = "AccountRegistered")]
    Registered {
        /// The e-mail address has this id until another one takes its place. It is not verified yet.
        address: Uuid,
        /// A [`crate::contact::Email`].
        email: Sealed,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Sealed>,
        /// The row with the password's hash.
        password: Uuid,
        roles: Vec<RoleName>,
    },
    /// An address that was asked for before, and that is not verified, is forgotten.
    #[serde(rename = "AccountAddressChangeRequested")]
    AddressChangeRequested {
        address: Uuid,
        /// A [`crate::contact::Email`].
        email: Sealed,
    },
    /// From now on this is the account's address.
    #[serde(rename = "AccountAddressVerified")]
    AddressVerified { address: Uuid },
    #[serde(rename = "AccountPasswordChanged")]
    PasswordChanged {
        /// The row with the password's hash.
        password: Uuid,
        why: PasswordChange,
    },
    /// The whole of what a person says of themselves.
    #[serde(rename = "AccountDescribed")]
    Described {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Sealed>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<Language>,
        /// Whether the person wants to be told news by mail.
        news: bool,
    },
    #[serde(rename = "AccountSecondFactorAdded")]
    SecondFactorAdded {
        /// The row with what is secret of it.
        factor: Uuid,
        kind: FactorKind,
    },
    #[serde(rename = "AccountSecondFactorRemoved")]
    SecondFactorRemoved { factor: Uuid, kind: FactorKind },
    /// The person can log in as someone whom another issuer knows.
    #[serde(rename = "AccountIdentityLinked")]
    IdentityLinked {
        /// The row that says whom the issuer knows them as.
        identity: Uuid,
        provider: ProviderName,
    },
    #[serde(rename = "AccountIdentityUnlinked")]
    IdentityUnlinked { identity: Uuid, provider: ProviderName },
    #[serde(rename = "AccountRoleGranted")]
    RoleGranted { role: RoleName, reason: Sealed },
    #[serde(rename = "AccountRoleRevoked")]
    RoleRevoked { role: RoleName, reason: Sealed },
    #[serde(rename = "AccountKeyIssued")]
    KeyIssued {
        /// The row with the key's hash.
        key: Uuid,
        name: Sealed,
        /// What the key may be used for, as far as its account may do that.
        scopes: Vec<RuleName>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<DateTime<Utc>>,
        /// The key in whose place this one is used from now on. It stays live until it is revoked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<Uuid>,
    },
    #[serde(rename = "AccountKeyRevoked")]
    KeyRevoked { key: Uuid },
    /// All of them, at that time.
    #[serde(rename = "AccountSessionsEnded")]
    SessionsEnded { why: SessionsEnd },
    /// The person has left. Nothing happens to the account any more.
    #[serde(rename = "AccountErased")]
    Erased {},
}

words! {
    /// Why there is another password. Stored for ever: add words, never rename one.
    pub enum PasswordChange {
        /// By someone who knew the former one.
        Changed = "changed",
        /// By someone who gets the account's mails.
        Reset = "reset",
    }
}

words! {
    /// Stored for ever: add words, never rename one.
    pub enum FactorKind {
        /// Codes that change with the time (RFC 6238).
        Totp = "totp",
        /// `WebAuthn`.
        Passkey = "passkey",
        /// A list of codes that can be used once each.
        RecoveryCodes = "recovery_codes",
    }
}

words! {
    /// Why all sessions of an account ended. Stored for ever: add words, never rename one.
    pub enum SessionsEnd {
        LoggedOut = "logged_out",
        PasswordChanged = "password_changed",
        PasswordReset = "password_reset",
        /// A refresh token was used a second time: someone else may have it.
        TokenReused = "token_reused",
        ByStaff = "by_staff",
        RolesChanged = "roles_changed",
    }
}

impl decider::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "AccountRegistered",
            Self::AddressChangeRequested { .. } => "AccountAddressChangeRequested",
            Self::AddressVerified { .. } => "AccountAddressVerified",
            Self::PasswordChanged { .. } => "AccountPasswordChanged",
            Self::Described { .. } => "AccountDescribed",
            Self::SecondFactorAdded { .. } => "AccountSecondFactorAdded",
            Self::SecondFactorRemoved { .. } => "AccountSecondFactorRemoved",
            Self::IdentityLinked { .. } => "AccountIdentityLinked",
            Self::IdentityUnlinked { .. } => "AccountIdentityUnlinked",
            Self::RoleGranted { .. } => "AccountRoleGranted",
            Self::RoleRevoked { .. } => "AccountRoleRevoked",
            Self::KeyIssued { .. } => "AccountKeyIssued",
            Self::KeyRevoked { .. } => "AccountKeyRevoked",
            Self::SessionsEnded { .. } => "AccountSessionsEnded",
            Self::Erased {} => "AccountErased",
        }
    }
}
