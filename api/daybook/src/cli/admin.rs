//! `daybook admin`: what operators do at the machine itself, because there is no administrator yet.

use std::{
    io::{Read, stdin},
    time::Duration,
};

use daybook_commands::CommitterTask;
use daybook_core::{
    config::Config,
    entropy::{Clock, new_id},
    identity::{
        asker::Asker,
        error::IdentityError,
        founding::{Founded, Founding},
        passwords::Password,
        shared::PersonName,
    },
    terminal::say,
};
use daybook_domain::{contact::Email, policy::Role};
use tokio::time::timeout;

use super::failure::Failure;
use crate::wiring;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Make an account whose e-mail address counts as verified. One that is there with these roles stays as it is.
    Create(Create),
}

#[derive(Debug, clap::Args)]
pub struct Create {
    /// The address that its owner logs in with.
    #[arg(long)]
    email: String,
    /// How its owner is called.
    #[arg(long)]
    name: Option<String>,
    /// A role of the account. The option may be repeated.
    #[arg(long = "role", value_name = "ROLE", default_value = "admin")]
    roles: Vec<Role>,
    /// Take the password from standard input. Without this, a link is printed by which the owner chooses one.
    #[arg(long)]
    password_stdin: bool,
}

/// More than the longest password.
const MAX_INPUT_BYTES: u64 = 4_096;
const TO_SHUT_DOWN: Duration = Duration::from_secs(5);

pub async fn run(config: &Config, Verb::Create(create): Verb) -> Result<(), Failure> {
    let email = Email::try_from(create.email).map_err(|error| format!("--email: {error}"))?;
    let name = create.name.map(PersonName::try_from).transpose();
    let name = name.map_err(|error| format!("--name: {error}"))?;
    let password = create.password_stdin.then(read_password).transpose()?;
    let clock = Clock::System;
    let (identity, committer) = wiring::accounts(config, clock.clone()).await?;
    let asker = Asker::later(new_id().to_string(), clock.now());
    let founding = Founding { email, name, roles: create.roles, password };
    let founded = identity.accounts.found(&asker, founding).await;
    shut_down(committer).await;
    match founded {
        Ok(Founded::Made { account, link }) => {
            say(format_args!("account={account}"));
            if let Some(link) = link {
                say(format_args!("link={link}"));
            }
        }
        Ok(Founded::WasThere { account }) => say(format_args!("account={account}")),
        Err(IdentityError::AddressTaken) => {
            return Err(
                "the address belongs to an account with other roles, which an administrator can change \
                        (PUT /v1/accounts/{id}/roles), or is being verified: then try again in ten minutes"
                    .into(),
            );
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// What was acknowledged is durable, so one that is slow to end is left.
pub async fn shut_down(committer: CommitterTask) {
    let _ = timeout(TO_SHUT_DOWN, committer.shutdown()).await;
}

/// One line, without its end.
fn read_password() -> Result<Password, Failure> {
    let mut text = String::new();
    stdin().take(MAX_INPUT_BYTES).read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    Ok(Password::try_from(line).map_err(|error| format!("standard input: {error}"))?)
}
