//! `daybook keys`: keys that others succeed, while servers run.

use daybook_core::{
    config::Config,
    entropy::Clock,
    identity::{rotation::Rotated, secrets::SecretKind},
    terminal::say,
};

use super::{admin::shut_down, failure::Failure};
use crate::wiring;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Make a new key, and leave the old one to what was made with it, until there is nothing of that any more. Servers that
    /// run take the new one within a minute. Can be repeated.
    Rotate {
        /// What is computed with it: `refresh` tokens of sessions, the `link`s in mails, or the `index` of e-mail addresses,
        /// which is computed anew from what can be opened. Sessions and links go on being good.
        kind: SecretKind,
    },
}

pub async fn run(config: &Config, Verb::Rotate { kind }: Verb) -> Result<(), Failure> {
    let (identity, committer) = wiring::accounts(config, Clock::System).await?;
    let rotated = identity.rotate(kind).await;
    shut_down(committer).await;
    let Rotated { id, computed, dropped } = rotated?;
    say(format_args!("key={id}"));
    if kind == SecretKind::Index {
        say(format_args!("computed={computed}\ndropped={dropped}"));
    }
    Ok(())
}
