//! What the roles that tokens and accounts name come to: those that Daybook brings along, and those that its
//! administrators have made.

use std::{
    collections::HashMap,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use daybook_domain::policy::{RULES, Role, Roles, RuleSet};

/// Characters of the name of a custom role, at most.
const MAX_NAME_CHARS: usize = 64;
/// Custom roles of one caller that count, at most.
const MAX_CUSTOM: usize = 16;

const UNPOISONED: &str = "nobody panics while holding this lock";

/// The roles that a token or an account names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    built_in: Roles,
    /// Names that a custom role may have, whether there is one or not. `None`: no such name, as usual.
    custom: Option<Arc<[Box<str>]>>,
}

impl Named {
    pub fn of<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let (mut built_in, mut custom) = (Vec::new(), Vec::<Box<str>>::new());
        for name in names {
            let name = name.as_ref();
            match name.parse::<Role>() {
                Ok(role) => built_in.push(role),
                Err(_) if is_custom_name(name) && custom.len() < MAX_CUSTOM => custom.push(name.into()),
                Err(_) => {}
            }
        }
        let custom = (!custom.is_empty()).then(|| custom.into());
        Self { built_in: built_in.into_iter().collect(), custom }
    }
}

/// Whether a custom role may be called so: 1 to 64 of `a`–`z`, digits, `_` and `-`, and not as a role that Daybook brings
/// along.
pub fn is_custom_name(name: &str) -> bool {
    let fits = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-';
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name.bytes().all(fits) && name.parse::<Role>().is_err()
}

/// The custom roles that there are, as far as this process knows.
#[derive(Default)]
pub struct RoleTable {
    custom: RwLock<HashMap<String, RuleSet>>,
    /// Grows with each change, so that what was made of the table can be known to be old.
    generation: AtomicU64,
}

impl RoleTable {
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// These, and no others.
    pub fn replace(&self, custom: HashMap<String, RuleSet>) {
        let mut known = self.custom.write().expect(UNPOISONED);
        if *known != custom {
            *known = custom;
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// What these roles come to, and the generation of the table that says so. A role that isn't known here gives
    /// nothing: another system may have more of them.
    pub fn resolve(&self, named: &Named) -> (RuleSet, u64) {
        let rules = RuleSet::of_roles(named.built_in);
        let known = self.custom.read().expect(UNPOISONED);
        let custom = named.custom.iter().flat_map(|names| names.iter());
        let sets = custom.filter_map(|name| known.get(&**name));
        (sets.fold(rules, |rules, more| rules.and(*more)), self.generation())
    }

    /// Whether there is a role of this name.
    pub fn has(&self, name: &str) -> bool {
        name.parse::<Role>().is_ok() || self.custom.read().expect(UNPOISONED).contains_key(name)
    }
}

/// What the stored names of rules come to. A rule that this release doesn't know gives nothing, and neither does one that
/// only administrators have, whoever wrote it there.
pub fn stored_rules(names: &[String]) -> RuleSet {
    let known = RULES.iter().filter(|rule| !rule.is_for_admins && names.iter().any(|name| name == rule.name));
    RuleSet::named(known.map(|rule| rule.name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use daybook_domain::policy::Action;

    use super::*;

    #[test]
    fn names_of_custom_roles_are_small_and_of_nothing_else() {
        for name in ["a", "returns-desk", "level_2", &"x".repeat(64)] {
            assert!(is_custom_name(name), "{name}");
        }
        for name in ["", "Returns", "ä", "a b", "admin", "customer", &"x".repeat(65)] {
            assert!(!is_custom_name(name), "{name}");
        }
    }

    /// Catches: a custom role that gives what only administrators give.
    #[test]
    fn a_stored_role_has_no_rule_that_only_administrators_have() {
        let rules = stored_rules(
            &["order.read", "account.grant_roles", "key.revoke", "of.tomorrow"].map(String::from),
        );
        let names: Vec<&str> = rules.rules().map(|(rule, _)| rule.name).collect();
        assert_eq!(names, ["order.read"]);
    }

    #[test]
    fn roles_come_to_what_the_table_says_at_that_moment() {
        let table = RoleTable::default();
        let named = Named::of(["customer", "returns-desk", "emperor", "NOT A NAME"]);
        let (before, old) = table.resolve(&named);
        assert_eq!(before, RuleSet::of_roles([Role::Customer].into_iter().collect()));
        let desk = stored_rules(&["order.cancel".to_owned()]);
        let custom = HashMap::from([("returns-desk".to_owned(), desk)]);
        table.replace(custom.clone());
        let (after, new) = table.resolve(&named);
        assert!(after.holds(Action::CancelOrder) && !before.holds(Action::CancelOrder) && new != old);
        // The same again changes nothing.
        table.replace(custom);
        assert_eq!(table.generation(), new);
        assert!(table.has("returns-desk") && table.has("admin") && !table.has("emperor"));
    }

    #[test]
    fn a_token_with_very_many_roles_is_not_kept_with_all_of_them() {
        let names: Vec<String> = (0..100).map(|number| format!("role-{number}")).collect();
        assert_eq!(Named::of(&names).custom.expect("some").len(), MAX_CUSTOM);
    }
}
