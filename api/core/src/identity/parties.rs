//! The other issuers that the settings name, each with the addresses that it sends people back to.

use std::collections::BTreeMap;

use daybook_domain::{account::ProviderName, contact::Email};

use super::{attempts::Place, error::IdentityError};
use crate::{
    auth::relying_party::{Identity, LoginError, Registration, RelyingParty},
    config::{Provider, Providers},
};

/// The path of the page that people come back to, without the issuer's name.
pub const ANSWERS: &str = "/account/outside/";

pub struct Parties(BTreeMap<ProviderName, Party>);

struct Party {
    label: String,
    pages: RelyingParty,
    /// `None`: people come back to the pages.
    front_end: Option<RelyingParty>,
}

impl Parties {
    /// `url` is where the pages are reached. An issuer sends people to one exact address, which has its name in it.
    pub fn new(providers: &Providers, url: &str) -> Result<Self, LoginError> {
        let party = |(name, provider): (&ProviderName, &Provider)| {
            let registration = |redirect_uri: String| Registration {
                issuer: provider.issuer.clone(),
                client_id: provider.client_id.clone(),
                client_secret: provider.client_secret.clone(),
                redirect_uri,
                scopes: provider.scopes.clone(),
            };
            let pages = RelyingParty::new(registration(format!("{url}{ANSWERS}{name}")))?;
            let front_end = provider.front_end.clone().map(|url| RelyingParty::new(registration(url)));
            let label = provider.label.clone().unwrap_or_else(|| name.to_string());
            Ok((name.clone(), Party { label, pages, front_end: front_end.transpose()? }))
        };
        Ok(Self(providers.iter().map(party).collect::<Result<_, LoginError>>()?))
    }

    pub fn of(&self, provider: &ProviderName, place: Place) -> Option<&RelyingParty> {
        let party = self.0.get(provider)?;
        match place {
            Place::Pages => Some(&party.pages),
            Place::FrontEnd => Some(party.front_end.as_ref().unwrap_or(&party.pages)),
        }
    }

    pub fn labels(&self) -> impl Iterator<Item = (&ProviderName, &str)> {
        self.0.iter().map(|(name, party)| (name, party.label.as_str()))
    }
}

/// Only what the issuer has verified.
pub fn verified_address(identity: &Identity) -> Option<Email> {
    let address = identity.email.clone().filter(|_| identity.email_verified)?;
    Email::try_from(address).ok()
}

/// What the person is told. What is wrong with an issuer, or with what it says, is for the operator to know.
pub fn failed(provider: &ProviderName, error: &LoginError) -> IdentityError {
    match error {
        LoginError::State | LoginError::Issuer => IdentityError::InvalidAttempt,
        LoginError::Denied(_) | LoginError::Code | LoginError::Grant => IdentityError::RefusedElsewhere,
        LoginError::Token(_) => {
            tracing::warn!(%provider, %error, "an issuer's token can't be used");
            IdentityError::RefusedElsewhere
        }
        LoginError::Description(_) | LoginError::Unavailable(_) => {
            tracing::warn!(%provider, %error, "an issuer that people log in at can't be asked");
            IdentityError::IssuerUnavailable
        }
    }
}
