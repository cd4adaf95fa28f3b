//! `daybook features`: what the database may hold that the release before can't read.

use std::time::Duration;

use daybook_core::{config::Config, terminal::say};
use daybook_domain::{feature::Feature, text::Reason};
use daybook_migrations::Features;

use super::failure::Failure;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Turn features on, for good and for every process. It is refused while a process that doesn't know them uses the
    /// database.
    Enable(Enable),
}

#[derive(Debug, clap::Args)]
struct Enable {
    /// What is turned on.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<Feature>,
    /// Turn on all that this release knows.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Why; the audit keeps it.
    #[arg(long, value_name = "TEXT")]
    reason: Reason,
}

pub async fn run(config: &Config, Args { verb }: Args) -> Result<(), Failure> {
    let connect = daybook_migrations::connect_options(config.database_url.expose(), "daybook-features")
        .map_err(|_| "setting database_url is not a PostgreSQL URL")?;
    let pool = daybook_migrations::pool(connect, 1, Duration::from_secs(10));
    daybook_migrations::check_schema(&pool).await?;
    let features = Features::new(pool);
    match verb {
        None => list(&features).await,
        Some(Verb::Enable(Enable { names, all, reason })) => {
            let wanted = if all { Feature::ALL.to_vec() } else { names };
            for feature in wanted {
                let is_new = features.enable(feature, reason.as_str()).await?;
                say(format_args!("feature={feature} was_enabled={}", !is_new));
            }
            Ok(())
        }
    }
}

async fn list(features: &Features) -> Result<(), Failure> {
    let enabled = features.list().await?;
    for feature in Feature::ALL {
        let (about, since) = (feature.about(), feature.since());
        let state = match enabled.iter().find(|one| one.name == feature.as_str()) {
            Some(one) => format!("enabled_at={} enabled_by={}", one.enabled_at.to_rfc3339(), one.enabled_by),
            None => "not enabled".to_owned(),
        };
        say(format_args!("feature={feature} since={since} {state}: {about}"));
    }
    for one in enabled.iter().filter(|one| one.name.parse::<Feature>().is_err()) {
        say(format_args!(
            "feature={} enabled_at={}: this release doesn't know it",
            one.name,
            one.enabled_at.to_rfc3339()
        ));
    }
    for process in features.processes().await? {
        let known = process.features.join(",");
        say(format_args!("{process}, seen_at={} knows={known}", process.seen_at.to_rfc3339()));
    }
    say(
        "Processes of release 0.1 say nothing: they are known by their sessions, and would start whatever is enabled.",
    );
    Ok(())
}
