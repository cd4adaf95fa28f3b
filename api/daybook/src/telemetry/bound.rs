//! How many lines of one kind are written in a second. A kind is a place in the code that writes lines; for libraries that
//! use the crate log, all that they say at a level.

use std::{
    collections::HashMap,
    mem::take,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use daybook_core::metrics::LOG_LINES_LEFT_OUT;
use tracing::{Event, Metadata, Subscriber, callsite::Identifier, warn};
use tracing_subscriber::layer::{Context, Layer};

/// The target of what a panic says, which is always written.
pub const PANIC: &str = "daybook::panic";
/// The target of what says how many lines were left out, which is always written, too.
pub const LEFT_OUT: &str = "daybook::left_out";

/// Lets at most so many lines of a kind through in each second.
pub struct Bound {
    pub lines: &'static Lines,
    pub most: u32,
}

/// What was written of each kind. There are as many as places in the code.
#[derive(Default)]
pub struct Lines(Mutex<HashMap<Identifier, Kind>>);

struct Kind {
    about: &'static Metadata<'static>,
    second: Instant,
    /// In this second.
    written: u32,
    /// Since it was said last.
    left_out: u64,
}

impl<S: Subscriber> Layer<S> for Bound {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let about = event.metadata();
        [PANIC, LEFT_OUT].contains(&about.target()) || self.lines.admit(about, self.most, Instant::now())
    }
}

impl Lines {
    fn admit(&self, about: &'static Metadata<'static>, most: u32, now: Instant) -> bool {
        let mut kinds = self.kinds();
        let new = || Kind { about, second: now, written: 0, left_out: 0 };
        let kind = kinds.entry(about.callsite()).or_insert_with(new);
        if now.saturating_duration_since(kind.second).as_secs() > 0 {
            (kind.second, kind.written) = (now, 0);
        }
        if kind.written < most {
            kind.written += 1;
            return true;
        }
        kind.left_out += 1;
        LOG_LINES_LEFT_OUT.inc();
        false
    }

    pub fn say_what_was_left_out(&self) {
        for (about, left_out) in self.left_out() {
            let (file, line) = (about.file().unwrap_or_default(), about.line().unwrap_or_default());
            warn!(
                target: LEFT_OUT,
                of = about.target(),
                at = format!("{file}:{line}"),
                left_out,
                "lines were left out of the log"
            );
        }
    }

    fn left_out(&self) -> Vec<(&'static Metadata<'static>, u64)> {
        let mut kinds = self.kinds();
        let left_out = kinds.values_mut().filter(|kind| kind.left_out > 0);
        left_out.map(|kind| (kind.about, take(&mut kind.left_out))).collect()
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<Identifier, Kind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use tracing::{error, info, subscriber::with_default};
    use tracing_subscriber::{fmt, layer::SubscriberExt};

    use super::*;
    use crate::telemetry::written::Written;

    /// Catches: a message that fills the disk, one that keeps another from being written, and lines that are missing
    /// without a word.
    #[test]
    fn a_message_that_comes_too_often_is_left_out_and_counted_and_others_are_not() {
        static LINES: LazyLock<Lines> = LazyLock::new(Lines::default);
        let written = Written::default();
        let writer = written.clone();
        let none = Bound { lines: &LINES, most: 0 };
        let subscriber =
            tracing_subscriber::registry().with(none).with(fmt::layer().with_writer(move || writer.clone()));
        with_default(subscriber, || {
            for _ in 0..7 {
                info!("often");
                error!(target: PANIC, "panic");
            }
        });
        let left_out = LINES.left_out();
        assert_eq!(left_out.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [7]);
        assert!(LINES.left_out().is_empty(), "it is said once");
        let text = written.text();
        assert_eq!((text.matches("often").count(), text.matches("panic").count()), (0, 14), "{text}");
        let (about, now) = (left_out[0].0, Instant::now());
        let later = now + std::time::Duration::from_secs(1);
        let times = [now, now, now, later, later, later];
        let lines = Lines::default();
        assert_eq!(times.map(|time| lines.admit(about, 2, time)), [true, true, false, true, true, false]);
    }
}
