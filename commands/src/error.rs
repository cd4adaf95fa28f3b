//! How a command fails: refused by a rule, or for want of working machinery.

use std::fmt::Display;

use daybook_domain::{
    Code, Rejection,
    code::{GeneralCode, Kind},
    feature::Feature,
    policy::{self, Actor, PolicyCode},
};

use crate::codes::CommandCode;

/// Why a command left nothing behind, or perhaps did.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    #[error("failed: {0}")]
    Failed(#[from] Failure),
}

/// Refused by a rule: nothing happened, and the same request will be refused again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Refusal {
    /// Stable, for programs.
    pub code: Code,
    /// What is wrong, in words for people.
    pub detail: String,
    /// JSON Pointer (RFC 6901) into the request.
    pub pointer: Option<String>,
}

/// Broken or overloaded machinery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    #[error("too many commands are waiting")]
    Overloaded,
    /// Known not to have happened.
    #[error("the database is not available")]
    Unavailable,
    /// It may have happened or not: repeat with the same idempotency key.
    #[error("the outcome is unknown")]
    OutcomeUnknown,
    /// The same, because the caller's time was over first.
    #[error("the deadline has passed")]
    DeadlineExceeded,
    #[error("internal error")]
    Internal,
}

impl Failure {
    pub fn code(self) -> Code {
        match self {
            Self::Overloaded => GeneralCode::Overloaded.code(),
            Self::Unavailable => GeneralCode::Unavailable.code(),
            Self::OutcomeUnknown => CommandCode::OutcomeUnknown.code(),
            Self::DeadlineExceeded => GeneralCode::DeadlineExceeded.code(),
            Self::Internal => GeneralCode::Internal.code(),
        }
    }
}

impl Refusal {
    pub(crate) fn new(code: impl Into<Code>, detail: impl Into<String>) -> Self {
        Self { code: code.into(), detail: detail.into(), pointer: None }
    }

    pub(crate) fn forbidden(rule: &str) -> Self {
        Self::new(PolicyCode::Forbidden, format!("this needs the permission {rule}"))
    }

    /// The same words for what isn't there and for what the caller is not shown.
    pub(crate) fn not_found() -> Self {
        Self::new(GeneralCode::NotFound, GeneralCode::NotFound.code().meaning())
    }

    pub(crate) fn stale(expected: &[i64], actual: i64) -> Self {
        let expected: Vec<String> = expected.iter().map(i64::to_string).collect();
        let detail = match expected.as_slice() {
            [] => format!("the version is {actual}, and none of those that were named was ever given out"),
            expected => format!("the version is {actual}, not {}", expected.join(" or ")),
        };
        Self::new(CommandCode::StaleVersion, detail)
    }

    pub(crate) fn key_reused() -> Self {
        let detail = "this idempotency key was used for another request";
        Self::new(CommandCode::KeyReused, detail)
    }

    pub(crate) fn key_in_flight() -> Self {
        let detail = "a request with this idempotency key is being worked on";
        Self::new(CommandCode::KeyInFlight, detail)
    }

    pub(crate) fn turned_off(feature: Feature, place: &str) -> Self {
        Self::new(GeneralCode::ValidationFailed, feature.is_missing()).at(place)
    }

    /// What a rule of the domain has refused, as far as `actor` may be told: this is the only way from a rejection to
    /// a refusal.
    pub(crate) fn rejected(rejection: &impl Rejection, actor: &Actor) -> Self {
        match rejection.guarded() {
            Some(guarded) if policy::check(actor, &guarded.demand).is_err() => Self::told(&guarded.otherwise),
            _ => Self::told(rejection),
        }
    }

    fn told(rejection: &impl Rejection) -> Self {
        match rejection.code() {
            code if code.kind() == Kind::NotFound => Self::not_found(),
            code => Self::new(code, rejection.to_string()),
        }
    }

    /// Says first what it is about.
    pub(crate) fn about(mut self, what: impl Display) -> Self {
        self.detail = format!("{what}: {}", self.detail);
        self
    }

    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }
}
