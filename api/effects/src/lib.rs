//! The effects that reactions proposed are performed here, at least once. Their receivers can tell a repeat.

pub mod mail;

use async_trait::async_trait;
use daybook_domain::reactions::EffectKind;
use daybook_projections::{ClaimedEffect, EffectError, Performer};

use mail::Mailer;

/// Everything that can be done outside, by kind.
pub struct Effects {
    mailer: Mailer,
}

impl Effects {
    pub fn new(mailer: Mailer) -> Self {
        Self { mailer }
    }
}

#[async_trait]
impl Performer for Effects {
    async fn perform(&self, effect: &ClaimedEffect) -> Result<(), EffectError> {
        match effect.kind {
            EffectKind::MailOrderPlaced | EffectKind::MailOrderShipped | EffectKind::MailOrderCancelled => {
                self.mailer.write_of_order(effect).await
            }
            EffectKind::MailAccountVerify
            | EffectKind::MailAccountPasswordChanged
            | EffectKind::MailAccountSessionsEnded
            | EffectKind::MailAccountFactorChanged
            | EffectKind::MailAccountAddressChanged => self.mailer.write_of_account(effect).await,
        }
    }
}
