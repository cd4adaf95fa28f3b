//! A person hears by mail what happens to their account: an address to verify, and what they may not have done
//! themselves.

use super::{Effect, EffectKind};
use crate::{
    Record,
    account::{Account, Event, FactorKind, SessionsEnd},
    stored::Unreadable,
};

/// Whether a verified address is the first one, and where to write to, only the whole stream says. The performer of the
/// mail reads it and finds out.
pub fn react(record: &Record) -> Result<Vec<Effect>, Unreadable> {
    let Some(event) = record.event::<Account>()? else { return Ok(vec![]) };
    let kind = match event {
        Event::Registered { .. } | Event::AddressChangeRequested { .. } => EffectKind::MailAccountVerify,
        Event::AddressVerified { .. } => EffectKind::MailAccountAddressChanged,
        Event::PasswordChanged { .. } => EffectKind::MailAccountPasswordChanged,
        Event::SecondFactorAdded { kind: FactorKind::Totp | FactorKind::Passkey, .. }
        | Event::SecondFactorRemoved { kind: FactorKind::Totp | FactorKind::Passkey, .. } => {
            EffectKind::MailAccountFactorChanged
        }
        Event::IdentityLinked { .. } | Event::IdentityUnlinked { .. } => {
            EffectKind::MailAccountIdentityChanged
        }
        Event::SessionsEnded { why: SessionsEnd::TokenReused | SessionsEnd::ByStaff } => {
            EffectKind::MailAccountSessionsEnded
        }
        Event::SecondFactorAdded { kind: FactorKind::RecoveryCodes, .. }
        | Event::SecondFactorRemoved { kind: FactorKind::RecoveryCodes, .. }
        | Event::SessionsEnded { .. }
        | Event::Described { .. }
        | Event::RoleGranted { .. }
        | Event::RoleRevoked { .. }
        | Event::KeyIssued { .. }
        | Event::KeyRevoked { .. }
        | Event::Erased {} => return Ok(vec![]),
    };
    Ok(vec![Effect::new(kind, &record.aggregate_id)])
}
