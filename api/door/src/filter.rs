//! What a filter of the protocol lets through.
//!
//! A filter of types is asked once for each public type, since there are no others. Of streams, the database knows those
//! that begin with a prefix, and a regular expression is asked for each event.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use daybook_domain::published;
use daybook_projections::{Chooser, Streams, Types};
use fancy_regex::{Regex, RegexBuilder};
use tonic::Status;

use crate::{
    protocol::streams::read_req::options::{
        FilterOptions,
        filter_options::{Expression, Filter as Subject, Window},
    },
    status::unclear,
};

/// Bytes of a regular expression, or of a prefix.
const MAX_EXPRESSION_BYTES: usize = 1_024;
const MAX_PREFIXES: usize = 100;
/// How much work a regular expression may be on one name. Names are short.
const MAX_STEPS: usize = 10_000;
const MAX_PROGRAM_BYTES: usize = 1 << 20;
/// How many events are looked at in one go if the client doesn't say it.
const WINDOW: u32 = 32;

/// A filter that was understood.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub types: Types,
    pub streams: Streams,
    /// After how many events that were looked at the client is told where it is.
    pub checkpoint_every: i64,
    overran: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Pattern {
    All,
    Prefixes(Vec<String>),
    Regex(Box<Regex>),
}

/// A regular expression is more work than it may be.
struct Overrun;

impl Filter {
    pub fn read(options: FilterOptions) -> Result<Self, Status> {
        let window = match options.window {
            Some(Window::Max(max)) => max.max(1),
            Some(Window::Count(_)) | None => WINDOW,
        };
        let every = i64::from(window).saturating_mul(options.checkpoint_interval_multiplier.max(1).into());
        let filter = Self { checkpoint_every: every, ..Self::default() };
        match options.filter {
            None => Ok(filter),
            Some(Subject::EventType(expression)) => {
                Ok(Self { types: types(&pattern(expression)?).map_err(|Overrun| overran())?, ..filter })
            }
            Some(Subject::StreamIdentifier(expression)) => {
                let streams = streams(pattern(expression)?, Arc::clone(&filter.overran));
                Ok(Self { streams, ..filter })
            }
        }
    }

    /// Whether it was too much work for some event, so that what it has chosen is not to be trusted.
    pub fn check(&self) -> Result<(), Status> {
        if self.overran.load(Ordering::Relaxed) { Err(overran()) } else { Ok(()) }
    }
}

fn overran() -> Status {
    unclear("the regular expression of the filter is too much work")
}

fn pattern(expression: Expression) -> Result<Pattern, Status> {
    let Expression { regex, prefix } = expression;
    // The database takes no text with NUL.
    let is_unfit = |text: &str| text.len() > MAX_EXPRESSION_BYTES || text.contains('\0');
    if is_unfit(&regex) || prefix.len() > MAX_PREFIXES || prefix.iter().any(|prefix| is_unfit(prefix)) {
        return Err(unclear(
            "a filter has a regular expression or at most 100 prefixes, each of at most 1 KiB and without NUL",
        ));
    }
    match (regex.is_empty(), prefix.is_empty()) {
        (true, true) => Ok(Pattern::All),
        (true, false) => Ok(Pattern::Prefixes(prefix)),
        (false, true) => {
            let mut builder = RegexBuilder::new(&regex);
            builder.backtrack_limit(MAX_STEPS).delegate_size_limit(MAX_PROGRAM_BYTES);
            let regex = builder.build();
            regex
                .map(|regex| Pattern::Regex(Box::new(regex)))
                .map_err(|_| unclear("the regular expression of the filter is none that is understood here"))
        }
        (false, false) => Err(unclear("a filter has a regular expression or prefixes, and not both")),
    }
}

impl Pattern {
    fn matches(&self, name: &str) -> Result<bool, Overrun> {
        match self {
            Self::All => Ok(true),
            Self::Prefixes(prefixes) => Ok(prefixes.iter().any(|prefix| name.starts_with(prefix))),
            Self::Regex(regex) => regex.is_match(name).map_err(|_| Overrun),
        }
    }
}

fn types(pattern: &Pattern) -> Result<Types, Overrun> {
    let (mut chosen, mut is_whole) = (Vec::new(), true);
    for public in published::types() {
        if pattern.matches(public.name)? {
            chosen.push(public.name.to_owned());
        } else {
            is_whole = false;
        }
    }
    Ok(if is_whole { Types::All } else { Types::Public(chosen) })
}

fn streams(pattern: Pattern, overran: Arc<AtomicBool>) -> Streams {
    match pattern {
        Pattern::All => Streams::All,
        Pattern::Prefixes(prefixes) => Streams::Prefixed(prefixes),
        pattern => Streams::Chosen(Chooser::new(move |kind, id| {
            if overran.load(Ordering::Relaxed) {
                return false;
            }
            pattern.matches(&format!("{kind}-{id}")).unwrap_or_else(|Overrun| {
                overran.store(true, Ordering::Relaxed);
                false
            })
        })),
    }
}

#[cfg(test)]
mod tests;
