//! Which processes use the database, and what they know. Each says every few seconds that it is there.

use std::fmt;

use chrono::{DateTime, Utc};
use daybook_domain::feature::Feature;
use sqlx::{FromRow, PgExecutor, PgPool};
use uuid::Uuid;

/// The name that sessions of a server have. Those of release 0.1 are called [`FORMER`].
pub const SERVER: &str = "daybook-serve";
const FORMER: &str = "daybook";
/// The row of all processes of release 0.1.
const FORMER_ID: Uuid = Uuid::nil();

/// A process as the database knows it.
#[derive(Debug, Clone, FromRow)]
pub struct Process {
    pub id: Uuid,
    pub release: String,
    /// Empty if its build wasn't told it.
    pub commit: String,
    /// By their names. Some may not be known to this release.
    pub features: Vec<String>,
    pub seen_at: DateTime<Utc>,
}

/// What a process says of itself.
#[derive(Debug, Clone)]
pub struct Oneself {
    pub id: Uuid,
    pub release: &'static str,
    pub commit: &'static str,
}

impl Oneself {
    /// Says that it is there, and so are processes of release 0.1, if there are sessions of them.
    pub async fn say(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO processes (id, release, commit, features) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()",
        )
        .bind(self.id)
        .bind(self.release)
        .bind(self.commit)
        .bind(Feature::WORDS)
        .execute(pool)
        .await?;
        note_former(pool).await?;
        sqlx::query("DELETE FROM processes WHERE seen_at < clock_timestamp() - interval '10 minutes'")
            .execute(pool)
            .await?;
        Ok(())
    }

    /// Says that it is no longer there.
    pub async fn leave(&self, pool: &PgPool) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM processes WHERE id = $1").bind(self.id).execute(pool).await.map(drop)
    }
}

/// Writes down that processes of release 0.1 are there, if there are sessions of them: they don't do so themselves.
pub(crate) async fn note_former(executor: impl PgExecutor<'_>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO processes (id, release, commit, features)
         SELECT $1, '0.1', '', '{}'
          WHERE EXISTS (SELECT FROM pg_stat_activity
                         WHERE datname = current_database() AND application_name = $2)
             ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp()",
    )
    .bind(FORMER_ID)
    .bind(FORMER)
    .execute(executor)
    .await?;
    Ok(())
}

/// Those that were seen within the last minute.
pub(crate) async fn there(executor: impl PgExecutor<'_>) -> Result<Vec<Process>, sqlx::Error> {
    sqlx::query_as(
        "SELECT id, release, commit, features, seen_at FROM processes
          WHERE seen_at > clock_timestamp() - interval '1 minute' ORDER BY release, id",
    )
    .fetch_all(executor)
    .await
}

/// Whether a process of a newer release is there: what can't be read here, it may be able to read.
pub async fn newer_is_there(executor: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    Ok(there(executor).await?.iter().any(|process| is_newer(process, env!("CARGO_PKG_VERSION"))))
}

fn is_newer(process: &Process, own: &str) -> bool {
    let knows_more = process.features.iter().any(|name| name.parse::<Feature>().is_err());
    knows_more || numbers(&process.release) > numbers(own)
}

/// The numbers of a release: 0, 2 and 0 for `0.2.0-dev`.
fn numbers(release: &str) -> Vec<u32> {
    release.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, release, commit, .. } = self;
        if *id == FORMER_ID {
            return write!(f, "release {release}, by sessions called {FORMER}");
        }
        write!(f, "release {release}")?;
        if !commit.is_empty() {
            write!(f, " ({commit})")?;
        }
        write!(f, ", process {id}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_newer_by_its_number_or_by_what_it_knows() {
        let process = |release: &str, features: &[&str]| Process {
            id: Uuid::nil(),
            release: release.into(),
            commit: String::new(),
            features: features.iter().map(|name| (*name).to_owned()).collect(),
            seen_at: DateTime::UNIX_EPOCH,
        };
        for older in ["0.1", "0.2.0", "0.2.0-dev", "0.1.10", "odd"] {
            assert!(!is_newer(&process(older, &Feature::WORDS), "0.2.0"), "{older}");
        }
        for newer in ["0.2.1", "0.10.0", "1.0.0-dev"] {
            assert!(is_newer(&process(newer, &[]), "0.2.0-dev"), "{newer}");
        }
        assert!(is_newer(&process("0.2.0", &["of_the_future"]), "0.2.0"));
    }
}
