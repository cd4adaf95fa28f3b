//! The schema's versions, and what the running server may do to it.

use std::{future::Future, pin::Pin, time::Duration};

use sqlx::{
    Connection, Executor, PgConnection, PgPool,
    error::BoxDynError,
    migrate::{Migration, MigrationSource, Migrator},
};
use tokio::time::sleep;

use crate::{SCHEMA, analytics};

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(
        "the database's schema is at version {found}, this release needs {needed}: run `daybook migrate`"
    )]
    Behind { found: i64, needed: i64 },
}

/// How long a migration waits for a lock of a table, ms. All who come to the table meanwhile wait behind it, so it gives up
/// soon, lets them go on, and tries again: what it waits for, such as a long query, may take minutes.
const LOCK_TIMEOUT_MS: u32 = 400;
/// The same for a migration that runs outside of a transaction, ms. It makes an index of a table that is in use: nothing waits
/// behind it, and it waits for every transaction that began before.
const CONCURRENT_LOCK_TIMEOUT_MS: u32 = 60_000;
const PAUSE: Duration = Duration::from_millis(500);
/// How often it tries: for about a minute.
const ATTEMPTS: u32 = 60;
/// The codes of PostgreSQL for that: the lock was not available, or two waited for each other, as one that makes an index does
/// with one that waits to migrate.
const NO_LOCK: [&str; 2] = ["55P03", "40P01"];
/// Indexes that were not finished, because the session or its process ended. They are of no use, and in the way of the next try.
const UNFINISHED: &str = "SELECT c.relname::text FROM pg_index JOIN pg_class c ON c.oid = indexrelid
      WHERE NOT indisvalid AND c.relnamespace = 'public'::regnamespace";

/// Brings the schema up to date, as the owner of the database, and gives the running server's role
/// `run_as` its rights, and that of analysts theirs. Can be repeated; a second one at the same time waits for the
/// first one, about a minute at most. Whether analysts have a role is returned.
pub async fn migrate(owner: &PgPool, run_as: &str) -> Result<bool, MigrateError> {
    let mut connection = owner.acquire().await?;
    // An index of a large log is not made in the time that other statements have.
    let limits = format!("SET statement_timeout = 0; SET lock_timeout = {LOCK_TIMEOUT_MS}");
    let mut attempt = 1;
    loop {
        connection.execute(limits.as_str()).await?;
        let ended = try_to_migrate(&mut connection, run_as).await;
        let is_to_be_repeated = matches!(&ended, Err(error) if error.is_for_a_lock()) && attempt < ATTEMPTS;
        // An attempt that has failed leaves the lock behind that migrations take. If the connection is lost, so is the lock.
        let tidied = connection
            .execute("SELECT pg_advisory_unlock_all(); RESET lock_timeout; RESET statement_timeout")
            .await;
        if !is_to_be_repeated {
            return ended;
        }
        tidied?;
        attempt += 1;
        sleep(PAUSE).await;
    }
}

/// What is done already stays done: each migration is a transaction, or one statement.
async fn try_to_migrate(connection: &mut PgConnection, run_as: &str) -> Result<bool, MigrateError> {
    // Held to the end, so that no index is taken for unfinished that another session is about to make.
    connection.execute("SELECT pg_advisory_lock(hashtext('daybook_migrate'))").await?;
    for part in MIGRATIONS.iter().as_slice().chunk_by(|one, next| one.no_tx == next.no_tx) {
        run_part(&mut *connection, part).await?;
    }
    // Nothing is left to be done by this, which looks whether the schema is of a newer release.
    MIGRATIONS.run(&mut *connection).await?;
    let role = format!("\"{}\"", run_as.replace('"', "\"\""));
    let mut transaction = connection.begin().await?;
    // Two that change the same rights or views at the same time would fail.
    transaction.execute("SELECT pg_advisory_xact_lock(hashtext('daybook_rights'))").await?;
    transaction.execute(sqlx::raw_sql(&grants(&role))).await?;
    let analysts_have_a_role = analytics::prepare(&mut transaction).await?;
    transaction.commit().await?;
    sqlx::query("SELECT pg_notify($1, '')").bind(SCHEMA).execute(&mut *connection).await?;
    Ok(analysts_have_a_role)
}

/// Some migrations that follow each other, all of which run in transactions, or none.
#[derive(Debug)]
struct Part(Vec<Migration>);

impl MigrationSource<'static> for Part {
    fn resolve(self) -> Pin<Box<dyn Future<Output = Result<Vec<Migration>, BoxDynError>> + Send>> {
        Box::pin(async { Ok(self.0) })
    }
}

async fn run_part(connection: &mut PgConnection, part: &[Migration]) -> Result<(), MigrateError> {
    let is_concurrent = part.iter().any(|migration| migration.no_tx);
    if is_concurrent {
        connection.execute(format!("SET lock_timeout = {CONCURRENT_LOCK_TIMEOUT_MS}").as_str()).await?;
        let unfinished: Vec<String> = sqlx::query_scalar(UNFINISHED).fetch_all(&mut *connection).await?;
        for name in unfinished {
            if part.iter().any(|migration| migration.sql.contains(&format!(" {name} "))) {
                connection.execute(format!("DROP INDEX CONCURRENTLY IF EXISTS {name}").as_str()).await?;
            }
        }
    }
    let mut migrator = Migrator::new(Part(part.to_vec())).await?;
    migrator.set_ignore_missing(true);
    migrator.run(&mut *connection).await?;
    if is_concurrent {
        connection.execute(format!("SET lock_timeout = {LOCK_TIMEOUT_MS}").as_str()).await?;
    }
    Ok(())
}

impl MigrateError {
    /// Whether another session had a lock for too long.
    fn is_for_a_lock(&self) -> bool {
        use sqlx::migrate::MigrateError::{Execute, ExecuteMigration};
        let cause = match self {
            Self::Migrate(Execute(cause) | ExecuteMigration(cause, _)) | Self::Database(cause) => cause,
            Self::Migrate(_) | Self::Behind { .. } => return false,
        };
        let code = cause.as_database_error().and_then(|error| error.code());
        code.is_some_and(|code| NO_LOCK.contains(&code.as_ref()))
    }
}

/// Fails if the schema is older than this release. A newer one is fine: releases add, they don't take.
pub async fn check_schema(pool: &PgPool) -> Result<(), MigrateError> {
    let needed = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let exists: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(pool).await?;
    let found = if exists {
        sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success")
            .fetch_one(pool)
            .await?
    } else {
        0
    };
    if found < needed { Err(MigrateError::Behind { found, needed }) } else { Ok(()) }
}

/// Whether the role of this pool could change what is stored: a superuser, or one who has the rights of the log's owner.
pub async fn may_change_the_log(pool: &PgPool) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT r.rolsuper OR pg_has_role(r.oid, c.relowner, 'MEMBER')
           FROM pg_roles r, pg_class c
          WHERE r.rolname = current_user AND c.oid = 'events'::regclass",
    )
    .fetch_one(pool)
    .await
}

/// The running server reads the log and appends through the function; it can't change what is stored
/// there. PUBLIC gets nothing, so the function is not open to other roles of the database.
fn grants(role: &str) -> String {
    format!(
        "REVOKE ALL ON FUNCTION append_batch FROM PUBLIC;
         REVOKE ALL ON FUNCTION forget_idempotency_keys, unlock_log, write_snapshots FROM PUBLIC;
         GRANT USAGE ON SCHEMA public TO {role};
         GRANT EXECUTE ON FUNCTION append_batch, forget_idempotency_keys, log_lock, write_snapshots TO {role};
         GRANT SELECT ON _sqlx_migrations, events, idempotency_keys, snapshots TO {role};
         GRANT SELECT, INSERT, DELETE ON person_keys TO {role};
         GRANT SELECT, INSERT ON audit, features TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON revocations, custom_roles, processes TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON checkpoints, read_models, rebuilds, leases, reactions,
               effects, dead_letters, audits, row_audits TO {role};
         GRANT SELECT, INSERT, UPDATE, DELETE ON secret_keys, credentials, email_claims, sessions, links, api_keys,
               claimed_orders, outside_identities, outside_attempts TO {role};
         GRANT SELECT, INSERT, DELETE ON activity TO {role};
         GRANT USAGE, CREATE ON SCHEMA read TO {role};
         GRANT USAGE ON SCHEMA analytics TO {role};
         GRANT SELECT, INSERT, TRUNCATE ON analytics.public_events TO {role};"
    )
}
