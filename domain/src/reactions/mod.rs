//! What should happen outside because something happened inside. Reactions propose; the reactor
//! performs, at least once, and a repeat can be recognised.

pub mod account_erasure;
pub mod account_mails;
mod effect;
mod lane;
pub mod order_expiry;
pub mod order_mails;
#[cfg(test)]
mod tests;

use crate::{Record, stored::Unreadable};

pub use effect::{Effect, EffectKind};
pub use lane::Lane;

/// One reaction: its stored name and its function.
pub struct Reaction {
    /// Stored for ever: a reaction under a new name starts at the head of the log.
    pub name: &'static str,
    pub react: fn(&Record) -> Result<Vec<Effect>, Unreadable>,
}

/// Every reaction.
pub const REACTIONS: &[Reaction] = &[
    Reaction { name: "order_mails", react: order_mails::react },
    Reaction { name: "account_mails", react: account_mails::react },
    Reaction { name: "account_erasure", react: account_erasure::react },
    Reaction { name: "order_expiry", react: order_expiry::react },
];
