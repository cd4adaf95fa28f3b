//! What an answer is made from, and for which callers.

/// The callers that an answer is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everyone, with or without a token.
    Public,
    /// The customer whose thing it is.
    Owner,
    /// Those who may read a part of the things of that kind, whosever they are.
    Part,
    /// Those who may read all things of that kind.
    Staff,
}

/// What kind of answer: from which read model, to which read, for which audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub model: &'static str,
    pub read: &'static str,
    pub audience: Audience,
}
