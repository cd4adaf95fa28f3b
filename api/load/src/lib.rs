//! `daybook load`: replays a file of invoices through the HTTP API, as support would.
//!
//! Repeating a load changes nothing. Within the seven days that idempotency keys are kept, every
//! command is answered from memory. Later, and for a file that was changed meanwhile, products and orders
//! are refused as `already_exists`: then they are read and compared. What is equal counts as loaded; what
//! is not is named and counts as rejected. Goods are received for products that the load makes, and for orders that
//! are refused for want of pieces.

mod beside;
mod client;
mod compare;
mod delimiter;
mod drive;
mod file;
mod lookup;
mod plan;
mod rows;
mod tally;

use std::{
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
};

use tokio::time::Instant;

use self::beside::say_beside;
pub use client::ClientError;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with the invoices, in the layout of the UCI data set "Online Retail": CSV, plain or gzip.
    #[arg(long, value_name = "FILE.csv[.gz]")]
    pub orders: PathBuf,
    /// The URL of the API. If it is not given, the configured address is used.
    #[arg(long)]
    pub url: Option<String>,
    /// The character between cells: , ; | or tab. If it is not given, it is the one that a first line such as sep=;
    /// names, or else a comma.
    #[arg(long, value_name = "CHARACTER")]
    pub delimiter: Option<delimiter::Delimiter>,
    /// The character in front of a number's decimals: . or ,
    #[arg(long, value_name = "CHARACTER", default_value = ".")]
    pub decimal: plan::Decimal,
    /// How many commands may be under way at the same time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub concurrency: u16,
    /// Load only this many invoices, from the start of the file.
    #[arg(long)]
    pub limit: Option<usize>,
    /// A token with the roles support, merchandiser and warehouse. If it is not given, one is made with the
    /// development key.
    #[arg(long)]
    pub token: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("can't read the file: {0}")]
    File(#[from] file::FileError),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Everything else was loaded, and the figures are printed.
    #[error(
        "not everything was loaded: {unreadable} invoices can't be read, {refused} commands were refused"
    )]
    Incomplete { unreadable: u64, refused: u64 },
    #[error("nothing was loaded: no row of the file sells goods")]
    Nothing,
}

/// How many faults, and how many warnings, of a file are shown.
const SHOWN: usize = 100;

/// Loads the file and prints what came of it: figures of the file alone, then one line of what the
/// server accepted. What can't be read is told on stderr before anything is sent.
pub async fn run(args: &Args, token: String, configured_url: &str) -> Result<(), LoadError> {
    let plan = plan::plan(&rows::read(&args.orders, args.delimiter)?, args.limit, args.decimal);
    tell(&plan.faults, "cells that can't be read");
    tell(&plan.warnings, "warnings");
    let url = args.url.as_deref().unwrap_or(configured_url);
    let client = client::Client::new(url, token)?;
    let started = Instant::now();
    let tally = drive::drive(&plan, &client, args.concurrency.into()).await?;
    // It is lost if its reader has gone, and the exit code is the same.
    let _ = write!(io::stdout().lock(), "{}", tally::report(&plan, &tally, started.elapsed()));
    match (plan.unreadable_invoices, tally.rejected()) {
        (0, 0) if plan.orders.is_empty() => Err(LoadError::Nothing),
        (0, 0) => Ok(()),
        (unreadable, refused) => Err(LoadError::Incomplete { unreadable, refused }),
    }
}

fn tell(findings: &[impl Display], what: &str) {
    findings.iter().take(SHOWN).for_each(say_beside);
    if findings.len() > SHOWN {
        say_beside(format_args!("... and {} more {what}", findings.len() - SHOWN));
    }
}
