//! The verbs of `daybook`, one a file.

pub mod admin;
pub mod backup;
pub mod config;
mod failure;
mod features;
mod keys;
pub mod migrate;
pub mod rebuild;
pub mod serve;
pub mod token;
pub mod verify;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use daybook_core::{
    auth::Grant,
    config::{Config, ConfigError},
    terminal::{say, say_beside},
};
use daybook_domain::policy::Role;
use serde::Serialize;

use self::failure::Failure;
use crate::version::VERSION;

/// Event-sourced commerce: commands decide, the log remembers.
#[derive(Debug, Parser)]
#[command(name = "daybook", version = VERSION.as_str())]
pub struct Cli {
    /// The file with the settings. If it is not given, daybook.toml in the current folder is read.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve until SIGTERM or Ctrl-C.
    Serve(serve::Args),
    /// Bring the database's schema up to date.
    Migrate,
    /// Print a token, signed with the configured key.
    Token(token::Args),
    /// Make accounts of administrators.
    #[command(subcommand)]
    Admin(admin::Verb),
    /// Change keys that accounts depend on.
    #[command(subcommand)]
    Keys(keys::Verb),
    /// List features of the database, which older releases can't read, and turn them on.
    Features(features::Args),
    /// Place the orders of a file through the API.
    #[cfg(feature = "load")]
    Load(daybook_load::Args),
    /// Write the log to files: lines of JSON, or Parquet.
    Export(Box<daybook_export::Args>),
    /// Make a read model anew from the log, through the admin listener.
    Rebuild(rebuild::Args),
    /// Compare every read model with the log.
    Verify(verify::Args),
    /// Look at a restored copy of the database.
    #[command(subcommand)]
    Backup(backup::Verb),
    /// Print the effective configuration, secrets masked.
    Config(config::Args),
}

/// No settings on the command line.
#[derive(Serialize)]
struct NoFlags {}

impl Cli {
    pub async fn run(self) -> ExitCode {
        match self.dispatch().await {
            Ok(code) => code,
            Err(failure) => {
                say_beside(format_args!("daybook: {failure}"));
                ExitCode::FAILURE
            }
        }
    }

    async fn dispatch(self) -> Result<ExitCode, Failure> {
        // The reference is printed even if the configuration is wrong.
        if let Verb::Config(config::Args { docs: true }) = self.verb {
            say(daybook_core::config::reference().trim_end_matches('\n'));
            return Ok(ExitCode::SUCCESS);
        }
        let config = match &self.verb {
            Verb::Serve(flags) => self.load_config(flags)?,
            _ => self.load_config(&NoFlags {})?,
        };
        match self.verb {
            Verb::Serve(_) => serve::run(&config).await?,
            Verb::Migrate => migrate::run(&config).await?,
            Verb::Token(args) => say(token::run(&config, &args)?),
            Verb::Admin(verb) => admin::run(&config, verb).await?,
            Verb::Keys(verb) => keys::run(&config, verb).await?,
            Verb::Features(args) => features::run(&config, args).await?,
            #[cfg(feature = "load")]
            Verb::Load(args) => {
                let roles = [Role::Support, Role::Merchandiser, Role::Warehouse];
                let token = token_for(&config, args.token.as_ref(), "daybook-load", &roles)?;
                daybook_load::run(&args, token, &config.api_url()).await?;
            }
            Verb::Export(args) => {
                let count = daybook_export::run(&args, config.database_url.expose()).await?;
                say_beside(format_args!("events={count}"));
            }
            Verb::Rebuild(args) => {
                let token = token_for(&config, args.token.as_ref(), "daybook-rebuild", &[Role::Operator])?;
                rebuild::run(&args, &token, &config).await?;
            }
            Verb::Verify(args) => return verify::run(&config, &args).await,
            Verb::Backup(verb) => return backup::run(&config, verb).await,
            Verb::Config(_) => say(daybook_core::config::show(&config)?.trim_end_matches('\n')),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn load_config(&self, flags: &impl Serialize) -> Result<Config, ConfigError> {
        Config::load(self.config.as_deref(), flags)
    }
}

/// How long a token of one verb is good.
const VERB_TTL: Duration = Duration::from_secs(12 * 60 * 60);

/// The token that was given, or one of our own making.
fn token_for(
    config: &Config,
    given: Option<&String>,
    subject: &str,
    roles: &[Role],
) -> Result<String, Failure> {
    match given {
        Some(token) => Ok(token.clone()),
        None => token::mint(config, &Grant { subject, roles, ttl: VERB_TTL }),
    }
}
