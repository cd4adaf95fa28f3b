//! How a command fails: refused by a rule, or for want of working machinery.

use daybook_domain::Rejection;

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
    pub kind: RefusalKind,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people.
    pub detail: String,
    /// JSON Pointer (RFC 6901) into the request.
    pub pointer: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    Forbidden,
    NotFound,
    /// It is there already, or under way.
    Conflict,
    /// It has changed since the client looked.
    Stale,
    /// A rule of the business.
    Invalid,
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

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, code: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, code, detail: detail.into(), pointer: None }
    }

    pub(crate) fn forbidden(rule: &str) -> Self {
        Self::new(RefusalKind::Forbidden, "forbidden", format!("this needs the permission {rule}"))
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(RefusalKind::NotFound, "not_found", detail)
    }

    pub(crate) fn stale(expected: i64, actual: i64) -> Self {
        let detail = format!("the version is {actual}, not {expected}");
        Self::new(RefusalKind::Stale, "stale_version", detail)
    }

    pub(crate) fn key_reused() -> Self {
        let detail = "this idempotency key was used for another request";
        Self::new(RefusalKind::Invalid, "idempotency_key_reused", detail)
    }

    pub(crate) fn key_in_flight() -> Self {
        let detail = "a request with this idempotency key is being worked on";
        Self::new(RefusalKind::Conflict, "idempotency_in_flight", detail)
    }

    /// A decider's rejection. A few codes mean the same for every aggregate; the rest are rules of
    /// the business.
    pub(crate) fn rejected(rejection: &impl Rejection) -> Self {
        let kind = match rejection.code() {
            "not_found" => RefusalKind::NotFound,
            "already_exists" => RefusalKind::Conflict,
            _ => RefusalKind::Invalid,
        };
        Self::new(kind, rejection.code(), rejection.to_string())
    }

    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }
}
