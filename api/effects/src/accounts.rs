//! What was asked of accounts by someone who is not told what became of it: registrations,
//! forgotten passwords, and guests' orders.

use daybook_core::{
    identity::{error::IdentityError, opening::Identity},
    vault::VaultError,
};
use daybook_domain::reactions::EffectKind;
use daybook_projections::{ClaimedEffect, EffectError};

use crate::mail::Mailer;

pub async fn perform(
    identity: &Identity,
    mailer: &Mailer,
    effect: &ClaimedEffect,
) -> Result<(), EffectError> {
    let to_write = match effect.kind {
        EffectKind::AccountReset => identity.registering.perform_reset(effect).await,
        EffectKind::OrderClaim => identity.order_claims.perform(effect).await,
        _ => identity.registering.perform_registration(effect).await,
    };
    match to_write.map_err(|error| failed(&error))? {
        Some(to_write) => mailer.write_of_request(&to_write, effect).await,
        None => Ok(()),
    }
}

/// What is kept of a person who has left goes. Most of it is gone when this is done.
pub async fn erase(identity: &Identity, effect: &ClaimedEffect) -> Result<(), EffectError> {
    identity.accounts.erase(&effect.target).await.map_err(|error| failed(&error))
}

/// What will never work is given up; errors quote nothing that is personal.
fn failed(error: &IdentityError) -> EffectError {
    let text = format!("it can't be done: {error}");
    match error {
        IdentityError::NotFound
        | IdentityError::Unreadable(_)
        | IdentityError::Vault(VaultError::NotAuthentic | VaultError::Shape) => EffectError::GiveUp(text),
        _ => EffectError::Retry(text),
    }
}
