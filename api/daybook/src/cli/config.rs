//! `daybook config`.

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the reference instead: every setting with its variable, default, bounds and meaning.
    #[arg(long)]
    pub docs: bool,
}
