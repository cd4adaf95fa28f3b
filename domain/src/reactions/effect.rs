//! What a reaction proposes.

use serde::{Deserialize, Serialize};

/// Something to be done outside. With the event's id, `kind` and `target` name it uniquely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub kind: EffectKind,
    /// What it is done to: for a mail, the order.
    pub target: String,
}

/// Stored for ever: add variants, never rename one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EffectKind {
    #[serde(rename = "mail.order_placed")]
    MailOrderPlaced,
    #[serde(rename = "mail.order_shipped")]
    MailOrderShipped,
    #[serde(rename = "mail.order_cancelled")]
    MailOrderCancelled,
}

impl EffectKind {
    pub const ALL: [Self; 3] = [Self::MailOrderPlaced, Self::MailOrderShipped, Self::MailOrderCancelled];

    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MailOrderPlaced => "mail.order_placed",
            Self::MailOrderShipped => "mail.order_shipped",
            Self::MailOrderCancelled => "mail.order_cancelled",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}
