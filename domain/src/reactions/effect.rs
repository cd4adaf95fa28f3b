//! What a reaction proposes.

use crate::words;

/// Something to be done outside. With the event's id, `kind` and `target` name it uniquely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub kind: EffectKind,
    /// What it is done to: for a mail, the order or the account.
    pub target: String,
}

words! {
    /// Stored for ever: add words, never rename one.
    pub enum EffectKind {
        /// Registers someone, or tells the owner of the address that they have an account.
        AccountRegister = "account.register",
        /// Sends the owner of an address a link to choose a new password by.
        AccountReset = "account.reset",
        /// Sends the address that a guest gave with an order a link to make the order an account's own.
        OrderClaim = "order.claim",
        /// Throws away what is kept of a person who has left.
        AccountErase = "account.erase",
        MailOrderPlaced = "mail.order_placed",
        MailOrderShipped = "mail.order_shipped",
        MailOrderCancelled = "mail.order_cancelled",
        /// To an address that waits to be verified.
        MailAccountVerify = "mail.account_verify",
        MailAccountPasswordChanged = "mail.account_password_changed",
        /// Only if that was no one's wish.
        MailAccountSessionsEnded = "mail.account_sessions_ended",
        MailAccountFactorChanged = "mail.account_factor_changed",
        MailAccountIdentityChanged = "mail.account_identity_changed",
        /// To the address that was the account's before.
        MailAccountAddressChanged = "mail.account_address_changed",
    }
}
