//! Who may do what: one rule for each protected action, one function that applies it.

mod roles;
mod rule_set;
mod rules;

use crate::{codes, words};

pub use roles::{Role, Roles};
pub use rule_set::{RuleSet, UnknownRule};
pub use rules::{Action, Own, RULES, Rule};

words! {
    /// What a caller is.
    pub enum ActorKind {
        /// Someone with a token.
        Person = "person",
        /// An API key, which acts for its account.
        Key = "key",
        /// Daybook itself. No token says that.
        System = "system",
    }
}

/// The caller: the `sub` of a verified token, and what its roles come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    pub subject: String,
    pub kind: ActorKind,
    pub rules: RuleSet,
}

impl Actor {
    /// Someone with a token that names these roles.
    pub fn person(subject: impl Into<String>, roles: impl IntoIterator<Item = Role>) -> Self {
        let rules = RuleSet::of_roles(roles.into_iter().collect());
        Self { subject: subject.into(), kind: ActorKind::Person, rules }
    }

    /// A part of Daybook that does something of its own accord.
    pub fn system(name: impl Into<String>) -> Self {
        Self { subject: name.into(), kind: ActorKind::System, rules: RuleSet::every() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The action needs a rule that the caller doesn't have.
    Forbidden,
    /// It belongs to another person: answer as if it didn't exist.
    Hidden,
}

/// An action that the caller must be allowed to do, and the owner of the thing that it is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    pub action: Action,
    pub owner: Option<String>,
}

codes! {
    "policy/codes",
    /// Why a caller may not do something, where the general codes don't say it.
    pub enum PolicyCode {
        Forbidden = Forbidden, "forbidden", "Forbidden";
    }
}

/// Checks whether `actor` may do this. `owner` is the owner of the thing that it is done to, if there is one.
pub fn authorize(actor: &Actor, action: Action, owner: Option<&str>) -> Result<(), Denied> {
    if actor.rules.holds(action) {
        return Ok(());
    }
    if !actor.rules.holds_own(action) {
        return Err(Denied::Forbidden);
    }
    if owner == Some(actor.subject.as_str()) { Ok(()) } else { Err(Denied::Hidden) }
}

/// The same for what is demanded of `actor`.
pub fn check(actor: &Actor, demand: &Demand) -> Result<(), Denied> {
    authorize(actor, demand.action, demand.owner.as_deref())
}

/// May `actor` do this to anything at all? What is their own counts, whichever that is.
pub fn may_ever(actor: &Actor, action: Action) -> Result<(), Denied> {
    authorize(actor, action, Some(&actor.subject))
}

/// Whether `actor` may put the rule of this action into a role: people give to others only what they have
/// themselves, to anything.
pub fn may_pass_on(actor: &Actor, action: Action) -> bool {
    actor.rules.holds(action)
}

/// What is needed to look at the sessions of someone with these rules, and to end them: those of who gives rights to others
/// are only for who does that, too.
pub fn to_end_sessions_of(owner: RuleSet) -> Action {
    if owner.holds(Action::GrantRoles) { Action::GrantRoles } else { Action::EndSessions }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(roles: &[Role]) -> Actor {
        Actor::person("alice", roles.iter().copied())
    }

    #[test]
    fn a_customer_may_cancel_their_own_order_and_sees_no_other() {
        let alice = actor(&[Role::Customer]);
        assert_eq!(authorize(&alice, Action::CancelOrder, Some("alice")), Ok(()));
        assert_eq!(authorize(&alice, Action::CancelOrder, Some("bob")), Err(Denied::Hidden));
        assert_eq!(authorize(&alice, Action::CancelOrder, None), Err(Denied::Hidden));
    }

    #[test]
    fn a_customer_may_do_to_something_what_they_may_do_to_their_own() {
        assert_eq!(may_ever(&actor(&[Role::Customer]), Action::CancelOrder), Ok(()));
        assert_eq!(may_ever(&actor(&[Role::Customer]), Action::ConfirmOrder), Err(Denied::Forbidden));
        assert_eq!(may_ever(&actor(&[]), Action::CancelOrder), Err(Denied::Forbidden));
    }

    #[test]
    fn owning_a_thing_gives_no_rights_without_the_customer_role() {
        assert_eq!(
            authorize(&actor(&[Role::Warehouse]), Action::CancelOrder, Some("alice")),
            Err(Denied::Forbidden)
        );
        assert_eq!(authorize(&actor(&[]), Action::CancelOrder, Some("alice")), Err(Denied::Forbidden));
    }

    /// Catches: an account that is its owner's only if they are a customer.
    #[test]
    fn everyone_manages_their_own_account_and_no_other() {
        for roles in [&[] as &[Role], &[Role::Customer], &[Role::Warehouse]] {
            let someone = actor(roles);
            assert_eq!(authorize(&someone, Action::ManageAccount, Some("alice")), Ok(()));
            assert_eq!(authorize(&someone, Action::ManageAccount, Some("bob")), Err(Denied::Hidden));
        }
        assert_eq!(authorize(&actor(&[Role::Admin]), Action::ManageAccount, Some("bob")), Ok(()));
    }

    #[test]
    fn each_role_may_do_what_its_rules_say_and_nothing_else() {
        for role in Role::ALL {
            for rule in RULES {
                let allowed = role == Role::Admin || rule.roles.contains(&role);
                assert_eq!(
                    authorize(&actor(&[role]), rule.action, None).is_ok(),
                    allowed,
                    "{role:?} {}",
                    rule.name
                );
            }
        }
    }

    /// Catches: someone who makes a role that may do more than they, with what they may do to their own things only.
    #[test]
    fn nobody_passes_on_what_they_do_not_have() {
        let both = actor(&[Role::Customer, Role::Warehouse]);
        assert!(may_pass_on(&both, Action::ShipOrder));
        assert!(!may_pass_on(&both, Action::CancelOrder));
        assert!(!may_pass_on(&both, Action::ManageAccount));
    }

    /// Catches: support that logs administrators out.
    #[test]
    fn only_administrators_end_the_sessions_of_administrators() {
        let may = |roles: &[Role], owner: &[Role]| {
            let owner = RuleSet::of_roles(owner.iter().copied().collect());
            authorize(&actor(roles), to_end_sessions_of(owner), None)
        };
        for owner in Role::ALL {
            let is_admin = owner == Role::Admin;
            let expected = if is_admin { Err(Denied::Forbidden) } else { Ok(()) };
            assert_eq!(may(&[Role::Support], &[owner, Role::Customer]), expected, "{owner}");
            assert_eq!(may(&[Role::Admin], &[owner]), Ok(()), "{owner}");
            assert_eq!(may(&[Role::Operator], &[owner]), Err(Denied::Forbidden), "{owner}");
        }
    }

    #[test]
    fn the_system_may_do_everything() {
        let system = Actor::system("daybook");
        assert!(RULES.iter().all(|rule| authorize(&system, rule.action, Some("alice")).is_ok()));
    }
}
