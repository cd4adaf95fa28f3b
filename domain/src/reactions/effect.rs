//! What a reaction proposes.

use crate::words;

/// Something to be done outside. With the event's id, `kind` and `target` name it uniquely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub kind: EffectKind,
    /// What it is done to: for a mail, the order.
    pub target: String,
}

words! {
    /// Stored for ever: add words, never rename one.
    pub enum EffectKind {
        MailOrderPlaced = "mail.order_placed",
        MailOrderShipped = "mail.order_shipped",
        MailOrderCancelled = "mail.order_cancelled",
    }
}
