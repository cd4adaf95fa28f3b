//! Why something that was asked of accounts is not done.

use daybook_commands::{CommandError, Failure};
use daybook_domain::{policy::Action, stored::Unreadable};

use super::passwords::Unhashed;
use crate::{
    auth::{custom_roles::CustomRoleError, revocation::RevokeError},
    limits::Exceeded,
    vault::VaultError,
};

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Without a token, or with one that belongs to no account.
    #[error("this needs a log-in")]
    Unauthenticated,
    #[error("this needs the permission {}", .0.rule().name)]
    Forbidden(Action),
    /// Whatever was wrong: the address, the password, or the code.
    #[error("the address, the password or the code is wrong")]
    InvalidCredentials,
    #[error("the account has a second factor")]
    SecondFactorRequired,
    #[error("who it is was not proved for a while")]
    ConfirmationRequired,
    #[error("the link is not good, or not any more")]
    InvalidLink,
    #[error("the code is wrong")]
    InvalidCode,
    #[error("{0}")]
    WeakPassword(String),
    #[error("the address belongs to another account")]
    AddressTaken,
    /// It is good for one answer, of the browser that it was begun in, and for a while.
    #[error("this is no answer to a log-in that was begun here")]
    InvalidAttempt,
    #[error("the other issuer has not let the person in")]
    RefusedElsewhere,
    #[error("the other issuer has not verified the person's address")]
    AddressUnverified,
    #[error("the person at the other issuer belongs to another account")]
    IdentityTaken,
    #[error("the other issuer can't be asked")]
    IssuerUnavailable,
    #[error("there are orders that are not delivered or cancelled")]
    OrdersOpen,
    /// Tokens come from another issuer, and no key of our own is configured.
    #[error("accounts are kept elsewhere")]
    Elsewhere,
    #[error("there is no such thing")]
    NotFound,
    #[error(transparent)]
    Role(#[from] CustomRoleError),
    /// A part of the request that can't be, as a JSON Pointer, and why.
    #[error("{1}")]
    Invalid(&'static str, String),
    #[error("it is asked for too often")]
    TooOften(Exceeded),
    #[error("there is too much to do")]
    Busy,
    #[error("the time that the caller gave it is over")]
    Late,
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("an account's stream can't be read: {0}")]
    Unreadable(#[from] Unreadable),
}

impl From<Unhashed> for IdentityError {
    fn from(unhashed: Unhashed) -> Self {
        match unhashed {
            Unhashed::Busy => Self::Busy,
            Unhashed::Late => Self::Late,
        }
    }
}

impl From<Failure> for IdentityError {
    fn from(failure: Failure) -> Self {
        Self::Command(failure.into())
    }
}

impl From<Exceeded> for IdentityError {
    fn from(exceeded: Exceeded) -> Self {
        Self::TooOften(exceeded)
    }
}

impl From<RevokeError> for IdentityError {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Unavailable(error) => Self::Database(error),
            // Only a key can be the last of its kind.
            RevokeError::LastKey => Self::Busy,
        }
    }
}
