//! Custom roles as they are stored: named sets of rules that administrators make. What one process is told, every other
//! one reads together with the revocations.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use daybook_domain::policy::{RULES, RuleSet};
use daybook_migrations::with_timeout_of;
use sqlx::{PgExecutor, PgPool};

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

#[derive(Debug, thiserror::Error)]
pub enum CustomRoleError {
    #[error(
        "a role's name has 1 to 64 of a to z, 0 to 9, _ and -, and is not that of a role that is always there"
    )]
    Name,
    #[error("a description has at most {MAX_DESCRIPTION_CHARS} characters, without NUL")]
    Description,
    #[error("there is no rule {0}")]
    UnknownRule(String),
    #[error("{0} is only for administrators")]
    RuleForAdmins(&'static str),
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

    /// Makes it, or gives it these rules instead of those that it had. This process knows it at once, every other one
    /// within a second, also for tokens that they know.
    pub async fn put(&self, name: &str, rules: &[String], description: &str) -> Result<(), CustomRoleError> {
        check(name, rules, description)?;
        let mut transaction = self.pool.begin().await?;
        // Others may be about to make the last one that there is room for.
        sqlx::query("LOCK TABLE custom_roles IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
        let others: i64 = sqlx::query_scalar("SELECT count(*) FROM custom_roles WHERE name <> $1")
            .bind(name)
            .fetch_one(&mut *transaction)
            .await?;
        if others >= MAX_ROLES {
            return Err(CustomRoleError::TooMany);
        }
        sqlx::query(
            "INSERT INTO custom_roles (name, rules, description) VALUES ($1, $2, $3)
                 ON CONFLICT (name)
                 DO UPDATE SET rules = excluded.rules, description = excluded.description,
                               changed_at = clock_timestamp()",
        )
        .bind(name)
        .bind(rules)
        .bind(description)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(self.read_again().await?)
    }

    /// Who has it has nothing of it any more.
    pub async fn delete(&self, name: &str) -> Result<(), CustomRoleError> {
        let deleting = sqlx::query("DELETE FROM custom_roles WHERE name = $1").bind(name).execute(&self.pool);
        let deleted = with_timeout_of(WRITE_TIMEOUT, deleting).await?;
        if deleted.rows_affected() == 0 {
            return Err(CustomRoleError::NotFound);
        }
        Ok(self.read_again().await?)
    }

    async fn read_again(&self) -> Result<(), sqlx::Error> {
        let roles = with_timeout_of(WRITE_TIMEOUT, read(&self.pool)).await?;
        self.verifier.roles().replace(roles);
        Ok(())
    }
}

fn check(name: &str, rules: &[String], description: &str) -> Result<(), CustomRoleError> {
    if !is_custom_name(name) {
        return Err(CustomRoleError::Name);
    }
    if description.chars().count() > MAX_DESCRIPTION_CHARS || description.contains('\0') {
        return Err(CustomRoleError::Description);
    }
    for name in rules {
        match RULES.iter().find(|rule| rule.name == name) {
            None => return Err(CustomRoleError::UnknownRule(name.clone())),
            Some(rule) if rule.is_for_admins => return Err(CustomRoleError::RuleForAdmins(rule.name)),
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
