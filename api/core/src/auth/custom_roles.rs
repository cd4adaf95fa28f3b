//! Custom roles as they are stored: named sets of rules that administrators make. What one process is told, every other
//! one reads together with the revocations.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use daybook_domain::policy::{RULES, Role, RuleSet};
use daybook_migrations::with_timeout_of;
use sqlx::{PgConnection, PgExecutor, PgPool, Postgres, Transaction};

use super::{
    roles::{self, is_custom_name},
    token::Verifier,
};

/// There are so many, at most: every process keeps all of them in memory.
const MAX_ROLES: i64 = 500;
const MAX_DESCRIPTION_CHARS: usize = 500;
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A role that administrators have made.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct CustomRole {
    pub name: String,
    /// Names of rules.
    pub rules: Vec<String>,
    pub description: String,
    pub changed_at: DateTime<Utc>,
}

/// Where a rule is wrong, its place among those that were given is said.
#[derive(Debug, thiserror::Error)]
pub enum CustomRoleError {
    #[error("a role's name has 1 to 64 of a to z, 0 to 9, _ and -")]
    Name,
    #[error("a role of this name is always there, and stays as it is")]
    BuiltIn,
    #[error("a description has at most {MAX_DESCRIPTION_CHARS} characters, without NUL")]
    Description,
    #[error("there is no rule {1}")]
    UnknownRule(usize, String),
    #[error("{1} is only for administrators")]
    RuleForAdmins(usize, &'static str),
    /// The one who makes the role may not do that.
    #[error("{1} is not yours to give")]
    RuleNotHeld(usize, &'static str),
    #[error("there are {MAX_ROLES} roles already")]
    TooMany,
    #[error("there is no such role")]
    NotFound,
    #[error(transparent)]
    Unavailable(#[from] sqlx::Error),
}

/// Makes, changes and deletes custom roles, for every process.
pub struct CustomRoles {
    pool: PgPool,
    verifier: Arc<Verifier>,
}

impl CustomRoles {
    pub fn new(pool: PgPool, verifier: Arc<Verifier>) -> Self {
        Self { pool, verifier }
    }

    /// By their names.
    pub async fn list(&self) -> Result<Vec<CustomRole>, sqlx::Error> {
        let reading =
            sqlx::query_as("SELECT name, rules, description, changed_at FROM custom_roles ORDER BY name")
                .fetch_all(&self.pool);
        with_timeout_of(WRITE_TIMEOUT, reading).await
    }

    /// Something else may be written together with a change.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        self.pool.begin().await
    }

    /// This process knows what was changed at once, every other one within a second, also for tokens that they know.
    pub async fn commit(&self, transaction: Transaction<'_, Postgres>) -> Result<(), sqlx::Error> {
        transaction.commit().await?;
        self.read_again().await
    }

    async fn read_again(&self) -> Result<(), sqlx::Error> {
        let roles = with_timeout_of(WRITE_TIMEOUT, read(&self.pool)).await?;
        self.verifier.roles().replace(roles);
        Ok(())
    }
}

/// Makes the role, or gives it these rules instead of those that it had, as a part of a transaction.
pub async fn put(
    connection: &mut PgConnection,
    name: &str,
    rules: &[String],
    description: &str,
) -> Result<CustomRole, CustomRoleError> {
    check(name, rules, description)?;
    // Others may be about to make the last one that there is room for.
    sqlx::query("LOCK TABLE custom_roles IN SHARE ROW EXCLUSIVE MODE").execute(&mut *connection).await?;
    let others: i64 = sqlx::query_scalar("SELECT count(*) FROM custom_roles WHERE name <> $1")
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
    if others >= MAX_ROLES {
        return Err(CustomRoleError::TooMany);
    }
    let role = sqlx::query_as(
        "INSERT INTO custom_roles (name, rules, description) VALUES ($1, $2, $3)
             ON CONFLICT (name)
             DO UPDATE SET rules = excluded.rules, description = excluded.description,
                           changed_at = clock_timestamp()
          RETURNING name, rules, description, changed_at",
    )
    .bind(name)
    .bind(in_order(rules))
    .bind(description)
    .fetch_one(connection)
    .await?;
    Ok(role)
}

/// Who has the role has nothing of it any more. This, too, is a part of a transaction.
pub async fn delete(connection: &mut PgConnection, name: &str) -> Result<(), CustomRoleError> {
    let deleting = sqlx::query("DELETE FROM custom_roles WHERE name = $1").bind(name).execute(connection);
    match with_timeout_of(WRITE_TIMEOUT, deleting).await?.rows_affected() {
        0 if is_built_in(name) => Err(CustomRoleError::BuiltIn),
        0 => Err(CustomRoleError::NotFound),
        _ => Ok(()),
    }
}

/// Each once, in the order of the policy.
fn in_order(names: &[String]) -> Vec<&'static str> {
    let named = RULES.iter().filter(|rule| names.iter().any(|name| name == rule.name));
    named.map(|rule| rule.name).collect()
}

fn is_built_in(name: &str) -> bool {
    name.parse::<Role>().is_ok()
}

fn check(name: &str, rules: &[String], description: &str) -> Result<(), CustomRoleError> {
    if is_built_in(name) {
        return Err(CustomRoleError::BuiltIn);
    }
    if !is_custom_name(name) {
        return Err(CustomRoleError::Name);
    }
    if description.chars().count() > MAX_DESCRIPTION_CHARS || description.contains('\0') {
        return Err(CustomRoleError::Description);
    }
    for (place, name) in rules.iter().enumerate() {
        match RULES.iter().find(|rule| rule.name == name) {
            None => return Err(CustomRoleError::UnknownRule(place, name.clone())),
            Some(rule) if rule.is_for_admins => return Err(CustomRoleError::RuleForAdmins(place, rule.name)),
            Some(_) => {}
        }
    }
    Ok(())
}

/// All of them.
pub async fn read(executor: impl PgExecutor<'_>) -> Result<HashMap<String, RuleSet>, sqlx::Error> {
    let rows: Vec<(String, Vec<String>)> = sqlx::query_as("SELECT name, rules FROM custom_roles LIMIT $1")
        .bind(MAX_ROLES)
        .fetch_all(executor)
        .await?;
    let named = rows.into_iter().filter(|(name, _)| is_custom_name(name));
    Ok(named.map(|(name, rules)| (name, roles::stored_rules(&rules))).collect())
}
