//! Roles: what there are, and those that administrators make.

use actix_web::http::Method;
use chrono::{DateTime, Utc};
use daybook_core::{
    identity::{
        codes::IdentityCode,
        roles::{NewRole, RoleView},
    },
    values::{AccountRole, NoticedReason, RoleDescription, RuleName},
};
use daybook_domain::{
    Code,
    account::{self, RoleName},
    policy::Action,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    act::{Empty, act, show},
    arrived::NoQuery,
    problem::Problem,
    route::{Did, Door, Route},
};

const PUT: &[Code] = &[
    IdentityCode::ConfirmationRequired.code(),
    IdentityCode::RoleBuiltIn.code(),
    IdentityCode::UnknownRule.code(),
    IdentityCode::RuleForAdmins.code(),
    IdentityCode::RuleNotHeld.code(),
    IdentityCode::TooManyRoles.code(),
];
const DELETE: &[Code] = &[IdentityCode::ConfirmationRequired.code(), IdentityCode::RoleBuiltIn.code()];
/// Who makes a role that others have gives them what it gives, so this has no rule of its own.
const MAKERS: Action = Action::GrantRoles;

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        show("roles.list", "/v1/roles", "All roles: those that are always there, then those that were made, by their names.", MAKERS,
            |app, _, (), NoQuery {}| async move {
                let roles = app.identity.roles.list().await?;
                Ok::<_, Problem>(RoleList { data: roles.into_iter().map(OneRole::from).collect() })
            }),
        act("role.put", Method::PUT, "/v1/roles/{name}", "Makes a role, or gives it these permissions instead of those that it had. Who has it may do what it says now, with tokens that they have, too: in this process at once, in every other one within a second. Needs a log-in that is not long ago.", Door::Action(MAKERS), PUT,
            |app, asker, name: RoleName, PutRole { rules, description, reason }| async move {
                let rules = rules.into_iter().map(|rule| rule.0).collect();
                let new = NewRole { rules, description: description.0.into() };
                Ok(Did(OneRole::from(app.identity.roles.put(&asker, &name, new, &reason.0).await?)))
            }),
        act("role.delete", Method::DELETE, "/v1/roles/{name}", "Deletes a role. Who has it has nothing of it any more, in every process within a second, until there is one of that name again. Needs a log-in that is not long ago.", Door::Action(MAKERS), DELETE,
            |app, asker, name: RoleName, DeleteRole { reason }| async move {
                app.identity.roles.delete(&asker, &name, &reason.0).await?;
                Ok(Did(Empty {}))
            }),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "rules": ["order.read", "order.cancel"], "description": "Takes goods back.", "reason": "A new desk." })))]
struct PutRole {
    /// Permissions, by their names in `GET /v1/permissions`. The one who makes the role has each of them, to anything.
    #[schema(max_items = 1000)]
    rules: Vec<RuleName>,
    /// What those who have it are there for.
    #[serde(default)]
    description: RoleDescription,
    reason: NoticedReason,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "reason": "The desk is closed." })))]
struct DeleteRole {
    reason: NoticedReason,
}

#[derive(Serialize, ToSchema)]
struct RoleList {
    #[schema(max_items = 1000)]
    data: Vec<OneRole>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Role)]
struct OneRole {
    name: AccountRole,
    /// It is always there, and stays as it is.
    built_in: bool,
    #[schema(value_type = RoleDescription)]
    description: String,
    /// What it gives, for anything.
    #[schema(max_items = 1000)]
    rules: Vec<RuleName>,
    /// What it gives only for what is the owner's own.
    #[schema(max_items = 1000)]
    own_rules: Vec<RuleName>,
    /// Null, if it is always there.
    #[schema(required)]
    changed_at: Option<DateTime<Utc>>,
}

impl From<RoleView> for OneRole {
    fn from(view: RoleView) -> Self {
        let named = |own: bool| {
            let rules = view.rules.rules().filter(move |(_, is_own)| *is_own == own);
            let name = |name: &str| account::RuleName::try_from(name.to_owned()).expect("a rule has a name");
            rules.map(|(rule, _)| RuleName(name(rule.name))).collect()
        };
        Self {
            rules: named(false),
            own_rules: named(true),
            name: AccountRole(view.name),
            built_in: view.is_built_in,
            description: view.description,
            changed_at: view.changed_at,
        }
    }
}
