//! What operators are told of a worker, before it has done anything.

use std::{fmt, time::Duration};

use daybook_domain::settings::Span;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Unique in its process; also the label of its metrics and of its lines in the log.
    pub name: String,
    /// What it is for, as a whole sentence.
    pub description: String,
    pub when: When,
}

impl About {
    pub fn new(name: impl Into<String>, description: impl Into<String>, when: When) -> Self {
        Self { name: name.into(), description: description.into(), when }
    }
}

/// What makes a worker do its next round: a signal, a period, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When {
    signal: Option<&'static str>,
    period: Option<Duration>,
}

impl When {
    pub const fn every(period: Duration) -> Self {
        Self { signal: None, period: Some(period) }
    }

    /// `signal` goes on behind the word "when": "the log grows".
    pub const fn signal(signal: &'static str) -> Self {
        Self { signal: Some(signal), period: None }
    }

    /// The signal may get lost, so the worker looks by itself, too.
    #[must_use]
    pub const fn or_every(self, period: Duration) -> Self {
        Self { period: Some(period), ..self }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period =
            self.period.map(|period| Span::millis(period.as_millis().try_into().unwrap_or(u64::MAX)));
        match (self.signal, period) {
            (Some(signal), Some(period)) => write!(f, "when {signal}, and every {period}"),
            (Some(signal), None) => write!(f, "when {signal}"),
            (None, Some(period)) => write!(f, "every {period}"),
            (None, None) => f.write_str("always"),
        }
    }
}
