//! Who may read, and what they are shown: the one place where reads meet the policy.

use daybook_domain::policy::{Action, Actor, authorize};
use daybook_projections::Audience;

use super::error::ReadError;

/// The rule of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone reads what is public, with or without a token; callers who may do this action read the rest, too.
    Public(Action),
    /// Callers who may do `all` read everything; those who may do `part` read what is in that part, whosever it is; a
    /// customer who may do `own` reads what is their own.
    Rule { all: Action, part: Option<Action>, own: Action },
}

/// Which things a caller is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visible<'a> {
    All,
    /// What is public.
    Public,
    /// What is in the part of the rule.
    Part,
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
    /// It is in the part of the rule, beside what it is otherwise.
    Part(Box<Owner>),
}

impl Access {
    /// The rule of one action, for all things and for one's own.
    pub const fn rule(action: Action) -> Self {
        Self::Rule { all: action, part: None, own: action }
    }

    /// The same, with a part that callers who may do `part` read.
    pub const fn with_part(self, part: Action) -> Self {
        match self {
            Self::Rule { all, own, .. } => Self::Rule { all, part: Some(part), own },
            Self::Public(_) => self,
        }
    }

    pub fn visible(self, actor: Option<&Actor>) -> Visible<'_> {
        let may = |actor: &Actor, action| authorize(actor, action, None).is_ok();
        match (self, actor) {
            (Self::Public(all), Some(actor)) if may(actor, all) => Visible::All,
            (Self::Public(_), _) => Visible::Public,
            (Self::Rule { all, .. }, Some(actor)) if may(actor, all) => Visible::All,
            (Self::Rule { part: Some(part), .. }, Some(actor)) if may(actor, part) => Visible::Part,
            (Self::Rule { .. }, _) => self.own(actor).unwrap_or(Visible::Nothing),
        }
    }

    /// What is the caller's own, whatever else they are shown.
    pub fn own(self, actor: Option<&Actor>) -> Option<Visible<'_>> {
        match (self, actor) {
            (Self::Rule { own, .. }, Some(actor)) if authorize(actor, own, Some(&actor.subject)).is_ok() => {
                Some(Visible::Own(&actor.subject))
            }
            _ => None,
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
            (Self::All, _) | (Self::Part, Owner::Part(_)) => true,
            (Self::Nothing, _) => false,
            (_, Owner::Part(otherwise)) => self.shows(otherwise),
            (Self::Public | Self::Part | Self::Own(_), Owner::Everyone) => true,
            (Self::Own(subject), Owner::Customer(owner)) => owner == subject,
            (Self::Public | Self::Part, Owner::Customer(_)) => false,
            (Self::Public | Self::Part | Self::Own(_), Owner::Shop) => false,
        }
    }

    /// The audience that answers are made and kept for.
    pub fn audience(self) -> Audience {
        match self {
            Self::All => Audience::Staff,
            Self::Part => Audience::Part,
            Self::Own(_) => Audience::Owner,
            Self::Public | Self::Nothing => Audience::Public,
        }
    }

    /// The owner of an answer that has all of what is shown, such as a list.
    pub fn owner(self) -> Owner {
        match self {
            Self::All | Self::Nothing => Owner::Shop,
            Self::Public => Owner::Everyone,
            Self::Part => Owner::Part(Box::new(Owner::Shop)),
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
        Actor::person("alice", [role])
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
    fn the_warehouse_is_shown_a_part_whosever_it_is_and_nothing_else() {
        let rule = ORDER.with_part(Action::ReadOrderToShip);
        let (warehouse, alice) = (actor(Role::Warehouse), actor(Role::Customer));
        let part = |owner| Owner::Part(Box::new(owner));
        let (alices, bobs) = (Owner::Customer("alice".into()), Owner::Customer("bob".into()));
        let visible = rule.admit(Some(&warehouse)).expect("let in");
        assert_eq!(visible, Visible::Part);
        for owner in [&alices, &bobs, &Owner::Shop] {
            assert!(visible.shows(&part(owner.clone())) && !visible.shows(owner), "{owner:?}");
        }
        let own = rule.admit(Some(&alice)).expect("let in");
        assert!(own.shows(&part(alices)) && !own.shows(&part(bobs)) && !own.shows(&part(Owner::Shop)));
        assert!(!Visible::Nothing.shows(&part(Owner::Everyone)));
        assert!(Visible::Part.shows(&Visible::Part.owner()));
        // Both at once: the part first, then what is one's own.
        let both = Actor::person("alice", [Role::Warehouse, Role::Customer]);
        assert_eq!(
            (rule.visible(Some(&both)), rule.own(Some(&both))),
            (Visible::Part, Some(Visible::Own("alice")))
        );
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
