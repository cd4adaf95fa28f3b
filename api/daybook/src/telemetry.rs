//! Log lines: to standard output, for people or as JSON. No personal data, no secrets, no bodies.

mod bound;

use std::{
    io::IsTerminal,
    sync::{LazyLock, OnceLock},
};

use daybook_core::{
    config::{Log, LogFormat},
    log_levels::{Setting, Target},
};
use tracing::{Level, Metadata, error};
use tracing_subscriber::{
    EnvFilter, Registry, filter::filter_fn, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use self::bound::{Bound, Lines, PANIC};

/// The filter of this process, once there is one.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
static LINES: LazyLock<Lines> = LazyLock::new(Lines::default);

#[derive(Debug, thiserror::Error)]
#[error("setting log.filter: {0}")]
pub struct BadFilter(#[from] tracing_subscriber::filter::ParseError);

/// Called once, by the process. Later calls change nothing.
pub fn start(settings: &Log) -> Result<(), BadFilter> {
    let (filter, handle) = reload::Layer::new(EnvFilter::try_new(&settings.filter)?);
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

/// Libraries tell below `info` what they send and receive: statements with their values, mails, headers. None of that
/// is written, whatever the filter says.
fn quotes_no_data(about: &Metadata<'_>) -> bool {
    *about.level() <= Level::INFO || Target::is_own(about.target())
}

/// Has this process write what `configured` says, and beside it what `levels` say.
pub fn set_levels(configured: &str, levels: &[Setting]) {
    let Some(filter) = FILTER.get() else { return };
    let mut directives = configured.to_owned();
    for (target, level) in levels {
        directives.push_str(&format!(",{target}={level}"));
    }
    let directives =
        EnvFilter::try_new(directives).expect("it was read before, and targets and levels are directives");
    filter.reload(directives).expect("the subscriber lives as long as the process");
}

/// Says how many lines were left out since it was asked last, because there were too many of them.
pub fn say_what_was_left_out() {
    LINES.say_what_was_left_out();
}
