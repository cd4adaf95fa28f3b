//! Why a token is no good.

/// For our metrics and logs, never for the caller.
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
