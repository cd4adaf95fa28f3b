use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    Account, Command, Details, Event, FactorKind, KeyDetails, MAX_FACTORS, MAX_IDENTITIES, MAX_KEYS,
    ProviderName, Rejection, RoleName,
};
use crate::{decider::Decider, sealed::Sealed};

impl Decider for Account {
    const KIND: &'static str = "account";
    type Command = Command;
    type Event = Event;
    type Rejection = Rejection;
    const SHAPE: u16 = 2;

    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match (self, command) {
            (Self::Unknown, Command::Register { address, email, name, password, roles }) => {
                Ok(vec![Event::Registered { address, email, name, password, roles }])
            }
            // An id is given once. A registration that is repeated is done, even if the person has left since.
            (Self::Known(_) | Self::Erased, Command::Register { .. }) => Err(Rejection::AlreadyExists),
            (Self::Unknown | Self::Erased, _) => Err(Rejection::NotFound),
            (Self::Known(account), command) => account.decide(command),
        }
    }

    fn evolve(self, event: &Event) -> Self {
        match (self, event) {
            (Self::Erased, _) | (_, Event::Erased {}) => Self::Erased,
            (_, Event::Registered { address, email, name, password, roles }) => {
                Self::Known(Box::new(Details {
                    verified: None,
                    pending: Some((*address, email.clone())),
                    name: name.clone(),
                    language: None,
                    news: false,
                    password: *password,
                    roles: roles.iter().cloned().collect(),
                    factors: [].into(),
                    identities: [].into(),
                    keys: [].into(),
                    revoked_keys: [].into(),
                }))
            }
            (Self::Unknown, _) => Self::Unknown,
            (Self::Known(mut account), event) => {
                account.change(event);
                Self::Known(account)
            }
        }
    }

    fn weight(&self) -> usize {
        size_of::<Self>() + self.details().map_or(0, Details::weight)
    }
}

impl Details {
    fn decide(&self, command: Command) -> Result<Vec<Event>, Rejection> {
        match command {
            Command::Register { .. } => Err(Rejection::AlreadyExists),
            Command::RequestAddress { address, email } => {
                let is_known =
                    has_id(self.pending.as_ref(), address) || has_id(self.verified.as_ref(), address);
                Ok(if is_known { vec![] } else { vec![Event::AddressChangeRequested { address, email }] })
            }
            Command::VerifyAddress { address } if has_id(self.verified.as_ref(), address) => Ok(vec![]),
            Command::VerifyAddress { address } if has_id(self.pending.as_ref(), address) => {
                Ok(vec![Event::AddressVerified { address }])
            }
            Command::VerifyAddress { .. } => Err(Rejection::AddressNotPending),
            Command::ChangePassword { password, .. } if password == self.password => Ok(vec![]),
            Command::ChangePassword { password, why } => Ok(vec![Event::PasswordChanged { password, why }]),
            Command::Describe { name, language, news } => {
                let is_so = (&name, &language, news) == (&self.name, &self.language, self.news);
                Ok(if is_so { vec![] } else { vec![Event::Described { name, language, news }] })
            }
            Command::AddFactor { factor, kind } => self.add_factor(factor, kind),
            Command::RemoveFactor { factor } => Ok(self.removed(factor).into_iter().collect()),
            Command::LinkIdentity { identity, .. } if self.identities.contains_key(&identity) => Ok(vec![]),
            Command::LinkIdentity { .. } if self.identities.len() >= MAX_IDENTITIES => {
                Err(Rejection::TooManyIdentities)
            }
            Command::LinkIdentity { identity, provider } => {
                Ok(vec![Event::IdentityLinked { identity, provider }])
            }
            Command::UnlinkIdentity { identity, may_be_last } => self.unlink(identity, may_be_last),
            Command::SetRoles { roles, reason } => Ok(self.set_roles(&roles, &reason)),
            Command::IssueKey { key, .. }
                if self.keys.contains_key(&key) || self.revoked_keys.contains(&key) =>
            {
                Ok(vec![])
            }
            Command::IssueKey { replaces: Some(replaced), .. } if !self.keys.contains_key(&replaced) => {
                Err(Rejection::NoSuchKey)
            }
            Command::IssueKey { .. } if self.keys.len() >= MAX_KEYS => Err(Rejection::TooManyKeys),
            Command::IssueKey { key, name, scopes, expires_at, replaces } => {
                Ok(vec![Event::KeyIssued { key, name, scopes, expires_at, replaces }])
            }
            Command::RevokeKey { key } if self.keys.contains_key(&key) => Ok(vec![Event::KeyRevoked { key }]),
            Command::RevokeKey { key } if self.revoked_keys.contains(&key) => Ok(vec![]),
            Command::RevokeKey { .. } => Err(Rejection::NoSuchKey),
            // Which sessions there are is not known here, so it is always something new.
            Command::EndSessions { why } => Ok(vec![Event::SessionsEnded { why }]),
            Command::Erase => Ok(vec![Event::Erased {}]),
        }
    }

    fn add_factor(&self, factor: Uuid, kind: FactorKind) -> Result<Vec<Event>, Rejection> {
        if self.factors.contains_key(&factor) {
            return Ok(vec![]);
        }
        let former: Vec<Event> = match kind {
            FactorKind::Totp if self.factors_of(kind).next().is_some() => {
                return Err(Rejection::FactorExists);
            }
            FactorKind::RecoveryCodes => self.factors_of(kind).filter_map(|old| self.removed(old)).collect(),
            FactorKind::Totp | FactorKind::Passkey => vec![],
        };
        if self.factors.len() - former.len() >= MAX_FACTORS {
            return Err(Rejection::TooManyFactors);
        }
        Ok(former.into_iter().chain([Event::SecondFactorAdded { factor, kind }]).collect())
    }

    fn removed(&self, factor: Uuid) -> Option<Event> {
        self.factors.get(&factor).map(|kind| Event::SecondFactorRemoved { factor, kind: *kind })
    }

    fn unlink(&self, identity: Uuid, may_be_last: bool) -> Result<Vec<Event>, Rejection> {
        match self.identities.get(&identity) {
            None => Ok(vec![]),
            Some(_) if self.identities.len() == 1 && !may_be_last => Err(Rejection::LastWayIn),
            Some(provider) => Ok(vec![Event::IdentityUnlinked { identity, provider: provider.clone() }]),
        }
    }

    /// What is granted comes first, each in the order of the names.
    fn set_roles(&self, roles: &BTreeSet<RoleName>, reason: &Sealed) -> Vec<Event> {
        let granted = roles.difference(&self.roles);
        let revoked = self.roles.difference(roles);
        let granted = granted.map(|role| Event::RoleGranted { role: role.clone(), reason: reason.clone() });
        let revoked = revoked.map(|role| Event::RoleRevoked { role: role.clone(), reason: reason.clone() });
        granted.chain(revoked).collect()
    }

    fn change(&mut self, event: &Event) {
        match event {
            Event::Registered { .. } | Event::SessionsEnded { .. } | Event::Erased {} => {}
            Event::AddressChangeRequested { address, email } => {
                self.pending = Some((*address, email.clone()));
            }
            Event::AddressVerified { address } => {
                if let Some(pending) = self.pending.take_if(|(id, _)| id == address) {
                    self.verified = Some(pending);
                }
            }
            Event::PasswordChanged { password, why: _ } => self.password = *password,
            Event::Described { name, language, news } => {
                self.name = name.clone();
                self.language = language.clone();
                self.news = *news;
            }
            Event::SecondFactorAdded { factor, kind } => {
                self.factors.insert(*factor, *kind);
            }
            Event::SecondFactorRemoved { factor, kind: _ } => {
                self.factors.remove(factor);
            }
            Event::IdentityLinked { identity, provider } => {
                self.identities.insert(*identity, provider.clone());
            }
            Event::IdentityUnlinked { identity, provider: _ } => {
                self.identities.remove(identity);
            }
            Event::RoleGranted { role, reason: _ } => {
                self.roles.insert(role.clone());
            }
            Event::RoleRevoked { role, reason: _ } => {
                self.roles.remove(role);
            }
            Event::KeyIssued { key, name, scopes, expires_at, replaces: _ } => {
                let (scopes, name) = (scopes.clone(), name.clone());
                self.keys.insert(*key, KeyDetails { scopes, expires_at: *expires_at, name });
            }
            Event::KeyRevoked { key } => {
                self.keys.remove(key);
                self.revoked_keys.insert(*key);
            }
        }
    }

    fn weight(&self) -> usize {
        let sealed = |sealed: &Sealed| sealed.data.len();
        let addresses = [&self.verified, &self.pending].into_iter().flatten();
        let texts = addresses.map(|(_, email)| email).chain(&self.name).map(sealed).sum::<usize>();
        let roles = self.roles.iter().map(|role| size_of::<RoleName>() + role.as_str().len());
        let key = |key: &KeyDetails| {
            let scopes = key.scopes.iter().map(|scope| size_of_val(scope) + scope.as_str().len());
            size_of::<(Uuid, KeyDetails)>() + sealed(&key.name) + scopes.sum::<usize>()
        };
        let ids = self.factors.len() * size_of::<(Uuid, FactorKind)>()
            + self.revoked_keys.len() * size_of::<Uuid>();
        let identity = |provider: &ProviderName| size_of::<(Uuid, ProviderName)>() + provider.as_str().len();
        let identities = self.identities.values().map(identity).sum::<usize>();
        let ids = ids + identities;
        size_of::<Self>() + texts + roles.sum::<usize>() + self.keys.values().map(key).sum::<usize>() + ids
    }
}

fn has_id(address: Option<&(Uuid, Sealed)>, id: Uuid) -> bool {
    address.is_some_and(|(known, _)| *known == id)
}
