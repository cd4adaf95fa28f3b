//! The lanes of the ledger of effects: each is worked off by itself, so that what is slow in one holds up no other.

use super::EffectKind;
use crate::words;

words! {
    /// Stored for ever: add words, never rename one.
    pub enum Lane {
        /// Mails, and what is asked for by those who are answered by a mail alone.
        Post = "post",
        /// What speaks to the database alone: timers, whose commands are due later, and what has to follow from an event
        /// however mail servers are doing.
        Clock = "clock",
    }
}

impl EffectKind {
    /// The lane of what is written down from now on. A row that is there stays in the lane that it has.
    pub const fn lane(self) -> Lane {
        match self {
            // It deletes keys and rows of a person who has left: no mail server may delay it, and it is never given up.
            Self::AccountErase | Self::OrderExpire => Lane::Clock,
            Self::AccountRegister
            | Self::AccountReset
            | Self::OrderClaim
            | Self::MailOrderPlaced
            | Self::MailOrderShipped
            | Self::MailOrderCancelled
            | Self::MailAccountVerify
            | Self::MailAccountPasswordChanged
            | Self::MailAccountSessionsEnded
            | Self::MailAccountFactorChanged
            | Self::MailAccountIdentityChanged
            | Self::MailAccountAddressChanged => Lane::Post,
        }
    }
}
