//! `daybook migrate`.

use std::{str::FromStr, time::Duration};

use daybook_core::{config::Config, terminal::say};
use daybook_migrations::ANALYST;
use sqlx::postgres::PgConnectOptions;

use super::failure::Failure;

/// Runs as the owner of the database. The role that the server runs as gets its rights.
pub async fn run(config: &Config) -> Result<(), Failure> {
    let owner_url = config.migrate_database_url.as_ref().unwrap_or(&config.database_url);
    let owner = daybook_migrations::connect_options(owner_url.expose(), "daybook-migrate")
        .map_err(|_| "setting migrate_database_url is not a PostgreSQL URL")?;
    let server = PgConnectOptions::from_str(config.database_url.expose())
        .map_err(|_| "setting database_url is not a PostgreSQL URL")?;
    let pool = daybook_migrations::pool(owner, 1, Duration::from_secs(10));
    let analysts_have_a_role = daybook_migrations::migrate(&pool, server.get_username()).await?;
    say(format_args!("the schema is up to date; {} may run the server", server.get_username()));
    if !analysts_have_a_role {
        say(format_args!(
            "there is no role {ANALYST}, and this one may not make it: docs/analysts.md says how analysts get one"
        ));
    }
    Ok(())
}
