//! The effects that reactions proposed are performed here, at least once. Their receivers can tell a repeat.

mod accounts;
mod commanding;
pub mod mail;

use std::sync::Arc;

use async_trait::async_trait;
use daybook_core::identity::opening::Identity;
use daybook_domain::reactions::EffectKind;
use daybook_projections::{ClaimedEffect, EffectError, Performer};

use mail::Mailer;

pub use commanding::Commanding;

/// Everything that can be done outside, by kind.
pub struct Effects {
    mailer: Mailer,
    identity: Arc<Identity>,
    commanding: Commanding,
}

impl Effects {
    pub fn new(mailer: Mailer, identity: Arc<Identity>, commanding: Commanding) -> Self {
        Self { mailer, identity, commanding }
    }
}

#[async_trait]
impl Performer for Effects {
    async fn perform(&self, effect: &ClaimedEffect) -> Result<(), EffectError> {
        match effect.kind {
            EffectKind::AccountRegister | EffectKind::AccountReset | EffectKind::OrderClaim => {
                accounts::perform(&self.identity, &self.mailer, effect).await
            }
            EffectKind::OrderExpire => self.commanding.expire_order(effect).await,
            EffectKind::AccountErase => accounts::erase(&self.identity, effect).await,
            EffectKind::MailOrderPlaced | EffectKind::MailOrderShipped | EffectKind::MailOrderCancelled => {
                self.mailer.write_of_order(effect).await
            }
            EffectKind::MailAccountVerify
            | EffectKind::MailAccountPasswordChanged
            | EffectKind::MailAccountSessionsEnded
            | EffectKind::MailAccountFactorChanged
            | EffectKind::MailAccountIdentityChanged
            | EffectKind::MailAccountAddressChanged => self.mailer.write_of_account(effect).await,
        }
    }
}
