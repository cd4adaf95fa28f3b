//! Roles: those that are always there, and those that administrators make.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use daybook_domain::{
    account::{RoleName, RuleName},
    policy::{self, Actor, RULES, Role, RuleSet},
    text::Reason,
};

use super::{
    activity::{self, ActivityEvent, Happened},
    asker::Asker,
    error::IdentityError,
    sessions::Sessions,
    shared::Shared,
};
use crate::auth::{
    custom_roles::{self, CustomRole, CustomRoleError, CustomRoles},
    roles::stored_rules,
};

pub struct Roles {
    sessions: Arc<Sessions>,
    custom: CustomRoles,
}

/// A role as it is shown.
#[derive(Debug)]
pub struct RoleView {
    pub name: RoleName,
    pub is_built_in: bool,
    pub description: String,
    /// What it gives beside what everyone with a token may.
    pub rules: RuleSet,
    /// `None`, if it is always there.
    pub changed_at: Option<DateTime<Utc>>,
}

/// What a custom role is to be.
#[derive(Debug)]
pub struct NewRole {
    pub rules: Vec<RuleName>,
    pub description: String,
}

impl Roles {
    pub fn new(shared: &Shared, sessions: Arc<Sessions>) -> Self {
        let custom = CustomRoles::new(shared.pool.clone(), Arc::clone(&shared.verifier));
        Self { sessions, custom }
    }

    /// Those that are always there first, then the others by their names.
    pub async fn list(&self) -> Result<Vec<RoleView>, IdentityError> {
        let custom = self.custom.list().await?;
        Ok(Role::ALL.into_iter().map(RoleView::from).chain(custom.into_iter().filter_map(view)).collect())
    }

    /// Makes this role, or gives it these rules instead of those that it had, because of `reason`.
    pub async fn put(
        &self,
        asker: &Asker,
        name: &RoleName,
        new: NewRole,
        reason: &Reason,
    ) -> Result<RoleView, IdentityError> {
        let actor = asker.actor.as_ref().ok_or(IdentityError::Unauthenticated)?;
        self.sessions.demand_confirmation(asker).await?;
        let NewRole { rules, description } = new;
        let rules: Vec<String> = rules.into_iter().map(String::from).collect();
        check_held(actor, &rules)?;
        let mut transaction = self.custom.begin().await?;
        let role = custom_roles::put(&mut transaction, name.as_str(), &rules, &description).await?;
        let happened = Happened {
            role: Some(&role.name),
            rules: Some(&role.rules),
            reason: Some(reason),
            ..Happened::new(None, ActivityEvent::CustomRoleSet)
        };
        activity::note(&mut *transaction, asker, &happened).await?;
        self.custom.commit(transaction).await?;
        view(role).ok_or(IdentityError::NotFound)
    }

    /// Who has the role has nothing of it any more, until there is one of that name again.
    pub async fn delete(&self, asker: &Asker, name: &RoleName, reason: &Reason) -> Result<(), IdentityError> {
        self.sessions.demand_confirmation(asker).await?;
        let mut transaction = self.custom.begin().await?;
        custom_roles::delete(&mut transaction, name.as_str()).await?;
        let happened = Happened {
            role: Some(name.as_str()),
            reason: Some(reason),
            ..Happened::new(None, ActivityEvent::CustomRoleDeleted)
        };
        activity::note(&mut *transaction, asker, &happened).await?;
        Ok(self.custom.commit(transaction).await?)
    }
}

/// A rule that there isn't, or that no role has, is refused with other words later.
fn check_held(actor: &Actor, names: &[String]) -> Result<(), CustomRoleError> {
    for (place, name) in names.iter().enumerate() {
        let rule = RULES.iter().find(|rule| rule.name == name && !rule.is_for_admins);
        if let Some(rule) = rule.filter(|rule| !policy::may_pass_on(actor, rule.action)) {
            return Err(CustomRoleError::RuleNotHeld(place, rule.name));
        }
    }
    Ok(())
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            name: RoleName::try_from(role.as_str().to_owned()).expect("a role has a name"),
            is_built_in: true,
            description: role.description().to_owned(),
            rules: RuleSet::of_role(role),
            changed_at: None,
        }
    }
}

/// `None`, if someone else has written a name there that is none.
fn view(role: CustomRole) -> Option<RoleView> {
    let CustomRole { name, rules, description, changed_at } = role;
    let (name, rules) = (RoleName::try_from(name).ok()?, stored_rules(&rules));
    Some(RoleView { name, is_built_in: false, description, rules, changed_at: Some(changed_at) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: someone who may make roles, and makes one that may do more than they may.
    #[test]
    fn a_rule_that_its_maker_does_not_have_is_refused_by_its_place() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let maker = Actor::person("mia", [Role::Customer, Role::Merchandiser]);
        assert!(check_held(&maker, &names(&["product.create", "sales.read"])).is_ok());
        let refused = check_held(&maker, &names(&["sales.read", "order.ship"]));
        assert!(matches!(refused, Err(CustomRoleError::RuleNotHeld(1, "order.ship"))), "{refused:?}");
        let own = check_held(&maker, &names(&["order.read"]));
        assert!(matches!(own, Err(CustomRoleError::RuleNotHeld(0, _))), "only their own: {own:?}");
        assert!(check_held(&Actor::person("ada", [Role::Admin]), &names(&["order.ship"])).is_ok());
    }
}
