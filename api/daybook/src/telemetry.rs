//! Log lines: to standard output, for people or as JSON. No personal data, no secrets, no bodies.

mod bound;
#[cfg(test)]
mod written;

use std::{
    io::IsTerminal,
    sync::{LazyLock, OnceLock},
};

use daybook_core::{
    config::{Log, LogFormat},
    log_levels::{Setting, Target, said},
};
use tracing::{Level, Metadata, error};
use tracing_subscriber::{
    EnvFilter, Registry,
    filter::{ParseError, filter_fn},
    fmt,
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use self::bound::{Bound, LEFT_OUT, Lines, PANIC};

/// The filter of this process, once there is one.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
static LINES: LazyLock<Lines> = LazyLock::new(Lines::default);

#[derive(Debug, thiserror::Error)]
#[error("setting log.filter: {0}")]
pub struct BadFilter(#[from] ParseError);

/// Called once, by the process. Later calls change nothing.
pub fn start(settings: &Log) -> Result<(), BadFilter> {
    let (filter, handle) = reload::Layer::new(filter(&settings.filter)?);
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(quotes_no_data));
    let registry = registry.with(Bound { lines: &LINES, most: settings.lines_per_second });
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
            error!(target: PANIC, location, "panic");
        }));
        let _ = FILTER.set(handle);
    }
    Ok(())
}

/// These directives, and panics beside what they say.
fn filter(directives: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("{directives},{PANIC}=error,{LEFT_OUT}=warn"))
}

/// Libraries tell below `info` what they send and receive: statements with their values, mails, headers. None of that
/// is written, whatever the filter says.
fn quotes_no_data(about: &Metadata<'_>) -> bool {
    *about.level() <= Level::INFO || Target::is_own(about.target())
}

/// Has this process write what `configured` says, and beside it what `levels` say.
pub fn set_levels(configured: &str, levels: &[Setting]) {
    let Some(filter) = FILTER.get() else { return };
    let directives = self::filter(&format!("{configured},{}", said(levels)));
    let directives = directives.expect("it was read before, and targets and levels are directives");
    filter.reload(directives).expect("the subscriber lives as long as the process");
}

/// Says how many lines were left out since it was asked last, because there were too many of them.
pub fn say_what_was_left_out() {
    LINES.say_what_was_left_out();
}

#[cfg(test)]
mod tests {
    use tracing::{info, subscriber::with_default, warn};

    use super::{written::Written, *};

    /// Catches: levels that hide a panic, or that lines are missing.
    #[test]
    fn panics_and_what_was_left_out_are_told_whatever_the_filter_says() {
        for directives in ["off", "info,daybook=off", "daybook_http=info", "daybook::panic=off", "off,"] {
            let written = Written::default();
            let writer = written.clone();
            let layer = fmt::layer().with_writer(move || writer.clone());
            let subscriber = tracing_subscriber::registry().with(filter(directives).unwrap()).with(layer);
            with_default(subscriber, || {
                error!(target: PANIC, "panic");
                warn!(target: LEFT_OUT, "left out");
                info!(target: "daybook", "usual");
            });
            let text = written.text();
            assert!(text.contains("ERROR") && text.contains("left out"), "{directives}: {text}");
            assert!(!text.contains("usual"), "{directives}: {text}");
        }
    }
}
