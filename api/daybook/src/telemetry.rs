//! Log lines: to standard output, for people or as JSON. No personal data, no secrets, no bodies.

use std::io::IsTerminal;

use daybook_core::config::{Log, LogFormat};
use tracing::error;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

#[derive(Debug, thiserror::Error)]
#[error("setting log.filter: {0}")]
pub struct BadFilter(#[from] tracing_subscriber::filter::ParseError);

/// Called once, by the process. Later calls change nothing.
pub fn start(settings: &Log) -> Result<(), BadFilter> {
    let filter = EnvFilter::try_new(&settings.filter)?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match settings.format {
        LogFormat::Pretty => {
            let colours = std::io::stdout().is_terminal();
            registry.with(fmt::layer().with_target(false).with_ansi(colours)).try_init()
        }
        LogFormat::Json => {
            registry.with(fmt::layer().json().flatten_event(true).with_span_list(false)).try_init()
        }
    };
    if started.is_ok() {
        // The message of a panic may quote data; where it happened is enough to find it.
        std::panic::set_hook(Box::new(|panic| {
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            error!(location, "panic");
        }));
    }
    Ok(())
}
