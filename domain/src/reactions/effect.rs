//! What a reaction proposes.

use chrono::{DateTime, Utc};

use crate::words;

/// Something to be done outside, or later. With the event's id, `kind` and `target` name it uniquely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub kind: EffectKind,
    /// What it is done to: for a mail, the order or the account.
    pub target: String,
    /// When it is to be done; `None`: at once.
    pub due: Option<DateTime<Utc>>,
    /// Effects with the same key are performed in the order of their events: each when those before it are done or given up.
    pub order_key: Option<String>,
    /// The order or the account that it is about, by which it is found.
    pub subject: Option<String>,
}

impl Effect {
    /// To be done to `target` at once, whatever else there is to be done.
    pub fn new(kind: EffectKind, target: impl Into<String>) -> Self {
        let target = target.into();
        Self { kind, subject: Some(target.clone()), target, due: None, order_key: None }
    }
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
        /// Cancels an order whose time is over.
        OrderExpire = "order.expire",
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
