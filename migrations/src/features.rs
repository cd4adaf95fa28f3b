//! Which features the database has: what its processes may write that the release before can't read.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use chrono::{DateTime, Utc};
use daybook_domain::feature::Feature;
use sqlx::{FromRow, PgExecutor, PgPool};

use crate::{
    OPERATORS,
    processes::{self, Process},
};

/// Those that are enabled, as this process knows them. A cheap handle; all of its clones are told at once.
#[derive(Clone)]
pub struct Features {
    pool: PgPool,
    /// A bit for each.
    enabled: Arc<AtomicU32>,
}

/// One that is enabled. This release may not know it.
#[derive(Debug, Clone, FromRow)]
pub struct Enabled {
    pub name: String,
    pub enabled_at: DateTime<Utc>,
    /// The role of the database that did it.
    pub enabled_by: String,
}

#[derive(Debug, thiserror::Error)]
pub enum EnableError {
    /// They can't read what would be written.
    #[error(
        "{feature} stays as it is: within the last minute there {} that don't know it: {}. When they have ended, try again. What \
         ended without saying so counts for a minute",
        if behind.len() == 1 { "was a process" } else { "were processes" },
        behind.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Behind { feature: Feature, behind: Vec<Process> },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Features {
    /// None is known to be enabled until they are [read](Self::read).
    pub fn new(pool: PgPool) -> Self {
        Self { pool, enabled: Arc::default() }
    }

    /// Whether it is enabled, as far as this process has heard.
    pub fn has(&self, feature: Feature) -> bool {
        self.enabled.load(Ordering::Relaxed) & bit(feature) != 0
    }

    /// The same, looked up if it isn't known to be enabled: another process may have done what needs it already.
    pub async fn has_by_now(&self, feature: Feature) -> Result<bool, sqlx::Error> {
        if !self.has(feature) {
            self.read().await?;
        }
        Ok(self.has(feature))
    }

    /// Reads which are enabled, and returns the names of those that this release doesn't know.
    pub async fn read(&self) -> Result<Vec<String>, sqlx::Error> {
        let (mut enabled, mut unknown) = (0, vec![]);
        for Enabled { name, .. } in self.list().await? {
            match name.parse() {
                Ok(feature) => enabled |= bit(feature),
                Err(_) => unknown.push(name),
            }
        }
        self.enabled.store(enabled, Ordering::Relaxed);
        Ok(unknown)
    }

    /// Those that are enabled, as the database says, by name.
    pub async fn list(&self) -> Result<Vec<Enabled>, sqlx::Error> {
        sqlx::query_as("SELECT name, enabled_at, enabled_by FROM features ORDER BY name")
            .fetch_all(&self.pool)
            .await
    }

    /// The processes that use the database, as it says.
    pub async fn processes(&self) -> Result<Vec<Process>, sqlx::Error> {
        processes::there(&self.pool).await
    }

    /// Turns it on for good, for every process, and writes that into the audit. `false`: it was on already.
    pub async fn enable(&self, feature: Feature, reason: &str) -> Result<bool, EnableError> {
        let mut transaction = self.pool.begin().await?;
        // A process that starts says that it is there before it reads what is enabled. So it is either seen here, or sees
        // what is enabled here.
        sqlx::query("LOCK TABLE processes IN SHARE ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
        processes::note_former(&mut *transaction).await?;
        let mut behind = processes::there(&mut *transaction).await?;
        behind.retain(|process| !process.features.iter().any(|known| known == feature.as_str()));
        if !behind.is_empty() {
            return Err(EnableError::Behind { feature, behind });
        }
        let is_new = insert(&mut *transaction, feature).await?;
        if is_new {
            sqlx::query(
                "INSERT INTO audit (actor, action, target, outcome, reason, request_id)
                 VALUES (session_user, 'feature.enable', $1, 'allowed', $2, '')",
            )
            .bind(feature.as_str())
            .bind(reason)
            .execute(&mut *transaction)
            .await?;
            sqlx::query("SELECT pg_notify($1, '')").bind(OPERATORS).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        self.read().await?;
        Ok(is_new)
    }
}

async fn insert(executor: impl PgExecutor<'_>, feature: Feature) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query("INSERT INTO features (name) VALUES ($1) ON CONFLICT DO NOTHING")
        .bind(feature.as_str())
        .execute(executor)
        .await?;
    Ok(inserted.rows_affected() == 1)
}

fn bit(feature: Feature) -> u32 {
    1 << (feature as u32)
}
