//! What a mail about an account says, and to which address it goes.

use daybook_domain::{
    Decider, Record,
    account::{Account, Details, Event, FactorKind, PasswordChange, ProviderName, SessionsEnd},
    reactions::EffectKind,
    sealed::Sealed,
};
use uuid::Uuid;

/// What there is to write about the last event of an account, before anything is opened.
#[derive(Debug)]
pub struct News {
    /// The address to write to: a [`daybook_domain::contact::Email`].
    pub email: Sealed,
    /// The person's name, if it is known.
    pub name: Option<Sealed>,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The address with this id is to be verified.
    Verify(Uuid),
    Password(PasswordChange),
    SessionsEnded(SessionsEnd),
    FactorAdded(FactorKind),
    FactorRemoved(FactorKind),
    IdentityLinked(ProviderName),
    IdentityUnlinked(ProviderName),
    AddressChanged,
}

/// The news of the last of `records`, which are an account's stream up to it; `None` if there is no address to write to.
/// An error says why there can't be any, without quoting anything.
pub fn news(records: &[Record], kind: EffectKind) -> Result<Option<News>, String> {
    let (last, earlier) = records.split_last().ok_or("the account has no events")?;
    let mut before = Account::default();
    for record in earlier {
        before = before.evolve(&read(record)?);
    }
    let event = read(last)?;
    let after = before.clone().evolve(&event);
    let (account, what) = match (kind, event) {
        (EffectKind::MailAccountVerify, Event::Registered { address, .. })
        | (EffectKind::MailAccountVerify, Event::AddressChangeRequested { address, .. }) => {
            let pending = |account: &Details| account.pending.clone();
            return Ok(about(&after, pending, What::Verify(address)));
        }
        (EffectKind::MailAccountAddressChanged, Event::AddressVerified { .. }) => {
            (&before, What::AddressChanged)
        }
        (EffectKind::MailAccountPasswordChanged, Event::PasswordChanged { why, .. }) => {
            (&after, What::Password(why))
        }
        (EffectKind::MailAccountSessionsEnded, Event::SessionsEnded { why }) => {
            (&after, What::SessionsEnded(why))
        }
        (EffectKind::MailAccountFactorChanged, Event::SecondFactorAdded { kind, .. }) => {
            (&after, What::FactorAdded(kind))
        }
        (EffectKind::MailAccountFactorChanged, Event::SecondFactorRemoved { kind, .. }) => {
            (&after, What::FactorRemoved(kind))
        }
        (EffectKind::MailAccountIdentityChanged, Event::IdentityLinked { provider, .. }) => {
            (&after, What::IdentityLinked(provider))
        }
        (EffectKind::MailAccountIdentityChanged, Event::IdentityUnlinked { provider, .. }) => {
            (&after, What::IdentityUnlinked(provider))
        }
        _ => return Err(format!("the event is not one for {}", kind.as_str())),
    };
    Ok(about(account, |account| account.verified.clone(), what))
}

fn about(account: &Account, address: fn(&Details) -> Option<(Uuid, Sealed)>, what: What) -> Option<News> {
    let details = account.details()?;
    let (_, email) = address(details)?;
    Some(News { email, name: details.name.clone(), what })
}

/// The reason of an unreadable record can quote its payload, so it is left out.
fn read(record: &Record) -> Result<Event, String> {
    let unreadable = || format!("event {} of the account is unreadable", record.sequence);
    record.event::<Account>().ok().flatten().ok_or_else(unreadable)
}

impl What {
    pub fn subject(&self) -> &'static str {
        match self {
            Self::Verify(_) => "Please confirm your e-mail address",
            Self::Password(_) => "Your password was changed",
            Self::SessionsEnded(_) => "You were logged out everywhere",
            Self::FactorAdded(_) => "A second factor was added",
            Self::FactorRemoved(_) => "A second factor was removed",
            Self::IdentityLinked(_) => "A log-in elsewhere was linked",
            Self::IdentityUnlinked(_) => "A log-in elsewhere was taken away",
            Self::AddressChanged => "Your e-mail address was changed",
        }
    }

    /// The whole letter. `link` is where an address is verified.
    pub fn text(&self, name: Option<&str>, link: Option<&str>, time: &str) -> String {
        let salutation = name.map_or_else(|| "Hello,".into(), |name| format!("Hello {name},"));
        let news = match self {
            Self::Verify(_) => {
                let link = link.unwrap_or_default();
                return format!(
                    "{salutation}\n\nplease confirm that this e-mail address is yours. Follow this link:\n\n{link}\n\n\
                     If you didn't ask for this, you need not do anything.\n"
                );
            }
            Self::Password(PasswordChange::Changed) => "the password of your account was changed.".into(),
            Self::Password(PasswordChange::Reset) => {
                "the password of your account was set anew with a link from a mail to you.".into()
            }
            Self::SessionsEnded(SessionsEnd::ByStaff) => {
                "someone of the shop logged you out everywhere. Please log in again.".into()
            }
            Self::SessionsEnded(_) => {
                "someone used a log-in of yours that was used before. It may have been copied, so \
                                    you were\nlogged out everywhere. Please log in again."
                    .into()
            }
            Self::FactorAdded(kind) => {
                format!("{} can be used to log in to your account now.", called(*kind))
            }
            Self::FactorRemoved(kind) => {
                format!("{} can't be used to log in to your account any more.", called(*kind))
            }
            Self::IdentityLinked(provider) => {
                format!("one can log in to your account at {provider} now, as the person that you are there.")
            }
            Self::IdentityUnlinked(provider) => {
                format!(
                    "one can't log in to your account at {provider} any more, as the person that you are there."
                )
            }
            Self::AddressChanged => {
                "your account has another e-mail address now. This is the last mail to this one.".into()
            }
        };
        let was_it_you = match self {
            Self::SessionsEnded(SessionsEnd::ByStaff) => "If you don't know why, please write to us.",
            Self::AddressChanged => "If that wasn't you, please write to us at once.",
            _ => "If that wasn't you, please choose another password at once.",
        };
        format!("{salutation}\n\n{news}\n\nTime       {time}\n\n{was_it_you}\n")
    }
}

fn called(kind: FactorKind) -> &'static str {
    match kind {
        FactorKind::Totp => "an app for codes",
        FactorKind::Passkey => "a passkey",
        FactorKind::RecoveryCodes => "a list of recovery codes",
    }
}
