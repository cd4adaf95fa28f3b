//! What a caller may do, as bits: asking is one look, whatever made the set.

use super::{
    roles::{Role, Roles},
    rules::{Action, Own, RULES, Rule},
};

/// Rules by their numbers: those that count for anything, and those that count for what is one's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct RuleSet {
    all: u128,
    own: u128,
}

/// There is no rule of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule {0}")]
pub struct UnknownRule(pub String);

const _: () = assert!(RULES.len() <= 128, "a rule has a bit");

const fn bit(action: Action) -> u128 {
    1 << action as usize
}

/// Those rules for which this holds.
fn where_it_holds(holds: impl Fn(&Rule) -> bool) -> u128 {
    RULES.iter().filter(|rule| holds(rule)).fold(0, |bits, rule| bits | bit(rule.action))
}

impl RuleSet {
    /// What a person with these roles may do. Without any, it is what everyone with a token may.
    pub fn of_roles(roles: Roles) -> Self {
        let is_admin = roles.contains(Role::Admin);
        let has_one_of = |rule: &Rule| rule.roles.iter().any(|role| roles.contains(*role));
        Self {
            all: where_it_holds(|rule| is_admin || has_one_of(rule)),
            own: where_it_holds(|rule| match rule.own {
                Own::No => false,
                Own::Customer => roles.contains(Role::Customer),
                Own::Anyone => true,
            }),
        }
    }

    /// What this role gives beside what everyone with a token may.
    pub fn of_role(role: Role) -> Self {
        let given = Self::of_roles(Roles::from_iter([role]));
        Self { own: given.own & !Self::of_roles(Roles::default()).own, ..given }
    }

    /// Everything, to anything.
    pub fn every() -> Self {
        Self { all: where_it_holds(|_| true), own: 0 }
    }

    /// Those of these names, to anything.
    pub fn named<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Result<Self, UnknownRule> {
        names.into_iter().try_fold(Self::default(), |set, name| {
            let found = RULES.iter().find(|rule| rule.name == name.as_ref());
            let rule = found.ok_or_else(|| UnknownRule(name.as_ref().to_owned()))?;
            Ok(Self { all: set.all | bit(rule.action), ..set })
        })
    }

    /// What is in either of them.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { all: self.all | other.all, own: self.own | other.own }
    }

    /// What an API key with these scopes may do for an account that may do this: what both have. A rule that is never a
    /// scope is in none, although it is stored there.
    #[must_use]
    pub fn only(self, scopes: Self) -> Self {
        let mask = (scopes.all | scopes.own) & where_it_holds(|rule| rule.is_scope);
        Self { all: self.all & mask, own: self.own & mask }
    }

    /// To anything.
    pub fn holds(self, action: Action) -> bool {
        self.all & bit(action) != 0
    }

    /// To what is one's own. Who may do it to anything because of another role has this only if they would have it
    /// without that role.
    pub fn holds_own(self, action: Action) -> bool {
        self.own & bit(action) != 0
    }

    /// The rules in it, each with whether it counts only for what is one's own.
    pub fn rules(self) -> impl Iterator<Item = (&'static Rule, bool)> {
        let held = RULES.iter().filter(move |rule| (self.all | self.own) & bit(rule.action) != 0);
        held.map(move |rule| (rule, !self.holds(rule.action)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(roles: &[Role]) -> RuleSet {
        RuleSet::of_roles(roles.iter().copied().collect())
    }

    #[test]
    fn roles_add_up() {
        let both = of(&[Role::Customer, Role::Support]);
        assert!(both.holds(Action::CancelOrder) && both.holds_own(Action::CancelOrder));
        assert!(!of(&[Role::Support]).holds_own(Action::CancelOrder));
        assert_eq!(both, of(&[Role::Customer]).and(of(&[Role::Support])));
        assert_eq!(of(&[Role::Admin]).all, RuleSet::every().all);
    }

    /// Catches: a role that is shown with what everyone may, or without what is its own.
    #[test]
    fn a_role_gives_what_is_not_everyones() {
        let of_role = |role| {
            let rules = RuleSet::of_role(role);
            let names = rules.rules().map(|(rule, own)| (rule.name, own));
            names.collect::<Vec<_>>()
        };
        let customers =
            [("quote.ask", true), ("order.place", true), ("order.cancel", true), ("order.read", true)];
        assert_eq!(of_role(Role::Customer), customers);
        assert_eq!(of_role(Role::Operator), [("operate", false)]);
        assert!(of_role(Role::Support).contains(&("account.read", false)));
        assert_eq!(of_role(Role::Admin).len(), RULES.len());
    }

    /// Catches: a key that may do more than its account, or what no key may.
    #[test]
    fn a_key_has_what_its_account_and_its_scopes_have() {
        let scopes = RuleSet::named(["order.read", "order.confirm", "account.manage"]).expect("rules");
        let customers = of(&[Role::Customer]).only(scopes);
        assert!(customers.holds_own(Action::ReadOrder) && !customers.holds(Action::ReadOrder));
        assert!(!customers.holds(Action::ConfirmOrder) && !customers.holds_own(Action::CancelOrder));
        let admins = RuleSet::every().only(scopes);
        assert!(admins.holds(Action::ConfirmOrder) && !admins.holds(Action::ManageAccount));
        assert!(!admins.holds(Action::CancelOrder));
        assert_eq!(of(&[Role::Support]).only(RuleSet::default()), RuleSet::default());
    }

    #[test]
    fn rules_are_found_by_their_names() {
        let set = RuleSet::named(["stock.read", "order.read"]).expect("rules");
        let names: Vec<&str> = set.rules().map(|(rule, _)| rule.name).collect();
        assert_eq!(names, ["stock.read", "order.read"]);
        assert_eq!(RuleSet::named(["stock.eat"]), Err(UnknownRule("stock.eat".into())));
        let own: Vec<bool> = of(&[Role::Customer]).rules().map(|(_, own)| own).collect();
        assert!(own.iter().all(|own| *own) && own.len() == 6, "{own:?}");
    }
}
