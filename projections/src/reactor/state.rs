//! The states that an effect passes through.

use daybook_domain::words;

use crate::sql::as_text;

words! {
    /// What has become of an effect, as the ledger has it.
    pub enum EffectState {
        /// To be performed, perhaps once more.
        Pending = "pending",
        Done = "done",
        /// It waits for an operator as a dead letter.
        Dead = "dead",
        /// An operator has left it out.
        Skipped = "skipped",
    }
}

#[cfg(feature = "schema")]
daybook_domain::schema_of_words!(EffectState);

as_text!(EffectState);

impl EffectState {
    /// The only state that this one is entered from, unless an operator has something done once more.
    pub const fn before(self) -> Self {
        match self {
            Self::Done | Self::Dead => Self::Pending,
            Self::Pending | Self::Skipped => Self::Dead,
        }
    }
}
