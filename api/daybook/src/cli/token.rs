//! `daybook token`.

use daybook_core::{
    auth::{Grant, SigningKey},
    config::Config,
    entropy::Clock,
    keys::KeyError,
};
use daybook_domain::{policy::Role, settings::Span};

use super::failure::Failure;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The person or program that the token is for: the token's `sub`.
    #[arg(long)]
    subject: String,
    /// A role of the token. The option may be repeated.
    #[arg(long = "role", required = true, value_name = "ROLE")]
    roles: Vec<Role>,
    /// How long the token is valid, such as 90s, 15m or 1h.
    #[arg(long, default_value = "1h")]
    ttl: Span,
}

pub fn run(config: &Config, args: &Args) -> Result<String, Failure> {
    mint(config, &Grant { subject: &args.subject, roles: &args.roles, ttl: args.ttl.get() })
}

/// A token signed with the configured key; in development one is made if there is none.
pub fn mint(config: &Config, grant: &Grant) -> Result<String, Failure> {
    grant.check()?;
    let key = SigningKey::load(config)?
        .ok_or(KeyError::Unusable("there is no signing key: tokens come from tokens.jwks_url"))?;
    Ok(key.mint(&config.tokens.issuer, &config.tokens.audience, Clock::System.now(), grant))
}
