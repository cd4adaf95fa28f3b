//! What should happen outside because something happened inside. Reactions propose; the reactor
//! performs, at least once, and a repeat can be recognised.

pub mod order_mails;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::{Record, stored::Unreadable};

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

/// One reaction: its stored name and its function.
pub struct Reaction {
    /// Stored for ever: a reaction under a new name starts at the head of the log.
    pub name: &'static str,
    pub react: fn(&Record) -> Result<Vec<Effect>, Unreadable>,
}

/// Every reaction.
pub const REACTIONS: &[Reaction] = &[Reaction { name: "order_mails", react: order_mails::react }];

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
