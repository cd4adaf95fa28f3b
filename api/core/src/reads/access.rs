//! Who may read, and what they are shown: the one place where reads meet the policy.

use daybook_domain::policy::{Action, Actor, authorize};
use daybook_projections::Audience;

use super::error::ReadError;

/// The rule of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone reads what is public, with or without a token; callers who may do this action read the rest, too.
    Public(Action),
    /// Callers who may do `all` read everything; a customer who may do `own` reads what is their own.
    Rule { all: Action, own: Action },
}

/// Which things a caller is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible<'a> {
    All,
    /// What is public.
    Public,
    /// What belongs to this subject.
    Own(&'a str),
    Nothing,
}

/// The owner of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// It is public.
    Everyone,
    /// A customer's, by their subject.
    Customer(String),
    /// The shop's own, which it doesn't show to others.
    Shop,
}

impl Access {
    /// The rule of one action, for all things and for one's own.
    pub const fn rule(action: Action) -> Self {
        Self::Rule { all: action, own: action }
    }

    pub fn visible(self, actor: Option<&Actor>) -> Visible<'_> {
        let may = |actor: &Actor, action| authorize(actor, action, None).is_ok();
        match (self, actor) {
            (Self::Public(all), Some(actor)) if may(actor, all) => Visible::All,
            (Self::Public(_), _) => Visible::Public,
            (Self::Rule { all, .. }, Some(actor)) if may(actor, all) => Visible::All,
            (Self::Rule { own, .. }, Some(actor)) if authorize(actor, own, Some(&actor.subject)).is_ok() => {
                Visible::Own(&actor.subject)
            }
            (Self::Rule { .. }, _) => Visible::Nothing,
        }
    }

    /// Lets callers in who are shown anything at all, before anything is read, so that no other caller can probe
    /// which ids exist.
    pub fn admit(self, actor: Option<&Actor>) -> Result<Visible<'_>, ReadError> {
        match (self.visible(actor), self, actor) {
            (Visible::Nothing, _, None) => Err(ReadError::Unauthenticated),
            (Visible::Nothing, Self::Rule { own: action, .. } | Self::Public(action), Some(_)) => {
                Err(ReadError::Forbidden(action))
            }
            (visible, ..) => Ok(visible),
        }
    }
}

impl Visible<'_> {
    /// Whether a thing of `owner` is among what is shown.
    pub fn shows(self, owner: &Owner) -> bool {
        match (self, owner) {
            (Self::All, _) | (Self::Public | Self::Own(_), Owner::Everyone) => true,
            (Self::Own(subject), Owner::Customer(owner)) => owner == subject,
            (Self::Public, Owner::Customer(_)) | (Self::Public | Self::Own(_), Owner::Shop) => false,
            (Self::Nothing, _) => false,
        }
    }

    /// The audience that answers are made and kept for.
    pub fn audience(self) -> Audience {
        match self {
            Self::All => Audience::Staff,
            Self::Own(_) => Audience::Owner,
            Self::Public | Self::Nothing => Audience::Public,
        }
    }

    /// The owner of an answer that has all of what is shown, such as a list.
    pub fn owner(self) -> Owner {
        match self {
            Self::All | Self::Nothing => Owner::Shop,
            Self::Public => Owner::Everyone,
            Self::Own(subject) => Owner::Customer(subject.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::policy::Role;

    use super::*;

    const ORDER: Access = Access::rule(Action::ReadOrder);
    const PRODUCT: Access = Access::Public(Action::ReadUnpublishedProduct);

    fn actor(role: Role) -> Actor {
        Actor { subject: "alice".into(), roles: [role].into_iter().collect() }
    }

    #[test]
    fn a_customer_is_shown_their_own_orders_and_support_all() {
        let (alice, support) = (actor(Role::Customer), actor(Role::Support));
        let own = ORDER.admit(Some(&alice)).expect("let in");
        assert_eq!(own, Visible::Own("alice"));
        assert!(own.shows(&Owner::Customer("alice".into())));
        assert!(!own.shows(&Owner::Customer("bob".into())) && !own.shows(&Owner::Shop));
        assert_eq!(ORDER.admit(Some(&support)).expect("let in"), Visible::All);
        assert!(Visible::All.shows(&Owner::Shop) && Visible::All.shows(&Owner::Customer("bob".into())));
    }

    #[test]
    fn who_is_shown_nothing_does_not_come_in() {
        let refused = |actor: Option<&Actor>| ORDER.admit(actor).expect_err("refused");
        assert!(matches!(refused(None), ReadError::Unauthenticated));
        let analyst = actor(Role::Analyst);
        assert!(matches!(refused(Some(&analyst)), ReadError::Forbidden(Action::ReadOrder)));
        for owner in [Owner::Everyone, Owner::Customer("alice".into()), Owner::Shop] {
            assert!(!Visible::Nothing.shows(&owner));
        }
    }

    #[test]
    fn what_is_public_is_shown_without_a_token_and_the_rest_to_merchandisers() {
        let (merchandiser, alice) = (actor(Role::Merchandiser), actor(Role::Customer));
        for caller in [None, Some(&alice)] {
            let visible = PRODUCT.admit(caller).expect("let in");
            assert!(visible.shows(&Owner::Everyone) && !visible.shows(&Owner::Shop));
        }
        assert!(PRODUCT.admit(Some(&merchandiser)).expect("let in").shows(&Owner::Shop));
    }
}
