//! Which lines of the log are written, changed while the process runs: for a while, and in this process only.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{incoming::Incoming, words};
use serde::{Deserialize, Serialize};
use tracing::info;

words! {
    /// The least important lines that are written.
    pub enum Level {
        Off = "off",
        Error = "error",
        Warn = "warn",
        Info = "info",
        Debug = "debug",
        Trace = "trace",
    }
}

/// A crate of Daybook, or a module in one, and all that is in it. Others have no levels here: what they write below
/// `info` may quote data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(String);

#[derive(Debug, thiserror::Error)]
#[error("has to be a module of Daybook, such as daybook_http or daybook_commands::committer")]
pub struct NoTarget;

/// How long levels last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Minutes(u16);

#[derive(Debug, thiserror::Error)]
#[error("has to be 1 to {} minutes", Minutes::MAX)]
pub struct TooLong;

/// A target, and its level.
pub type Setting = (Target, Level);

/// Has the process write what is configured, and beside it what these say.
pub type Apply = Arc<dyn Fn(&str, &[Setting]) + Send + Sync>;

/// As directives of a filter.
pub fn said(levels: &[Setting]) -> String {
    let directives: Vec<_> = levels.iter().map(|(target, level)| format!("{target}={level}")).collect();
    directives.join(",")
}

/// The levels of this process.
pub struct LogLevels {
    configured: String,
    apply: Apply,
    changed: Mutex<Option<Changed>>,
}

/// Levels that are others than configured.
#[derive(Debug, Clone)]
pub struct Changed {
    pub levels: Vec<Setting>,
    pub until: DateTime<Utc>,
}

impl LogLevels {
    /// The most targets that have a level of their own.
    pub const MOST: usize = 20;

    pub fn new(configured: &str, apply: impl Fn(&str, &[Setting]) + Send + Sync + 'static) -> Self {
        Self { configured: configured.to_owned(), apply: Arc::new(apply), changed: Mutex::default() }
    }

    /// What the setting `log.filter` says.
    pub fn configured(&self) -> &str {
        &self.configured
    }

    pub fn changed(&self) -> Option<Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets these instead of those that were set before. None: all are as configured.
    pub fn set(&self, levels: Vec<Setting>, until: DateTime<Utc>) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        // First, because afterwards it may not be written any more.
        info!(levels = said(&levels), %until, "the levels of the log are changed");
        (self.apply)(&self.configured, &levels);
        *changed = (!levels.is_empty()).then_some(Changed { levels, until });
    }

    /// Ends what has lasted long enough.
    pub fn end_by(&self, now: DateTime<Utc>) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.as_ref().is_some_and(|changed| changed.until <= now) {
            (self.apply)(&self.configured, &[]);
            *changed = None;
            info!("the levels of the log are as configured again");
        }
    }
}

impl Target {
    pub const LONGEST: usize = 100;

    /// Whether lines of this target are Daybook's own.
    pub fn is_own(target: &str) -> bool {
        let name = target.split("::").next().unwrap_or_default();
        name == "daybook" || name.starts_with("daybook_")
    }
}

impl TryFrom<String> for Target {
    type Error = NoTarget;

    fn try_from(text: String) -> Result<Self, NoTarget> {
        let is_name = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        let is_target = text.len() <= Self::LONGEST && Self::is_own(&text) && text.split("::").all(is_name);
        if is_target { Ok(Self(text)) } else { Err(NoTarget) }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.0
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Minutes {
    /// A day.
    pub const MAX: i64 = 1_440;

    pub fn get(self) -> TimeDelta {
        TimeDelta::minutes(self.0.into())
    }
}

impl TryFrom<i64> for Minutes {
    type Error = TooLong;

    fn try_from(minutes: i64) -> Result<Self, TooLong> {
        let minutes = Some(minutes).filter(|minutes| (1..=Self::MAX).contains(minutes)).ok_or(TooLong)?;
        u16::try_from(minutes).map(Self).map_err(|_| TooLong)
    }
}

impl From<Minutes> for i64 {
    fn from(minutes: Minutes) -> Self {
        minutes.0.into()
    }
}

impl Incoming for Target {}
impl Incoming for Minutes {}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Result<Target, NoTarget> {
        Target::try_from(text.to_owned())
    }

    #[test]
    fn a_target_is_a_module_of_daybook_and_nothing_else() {
        for own in ["daybook", "daybook_http", "daybook_commands::committer::append"] {
            assert!(target(own).is_ok(), "{own}");
        }
        let long = format!("daybook::{}", "a".repeat(Target::LONGEST));
        for other in
            ["", "sqlx", "sqlx::query", "daybooks", "daybook::", "daybook=trace,sqlx", "daybook[x]", &long]
        {
            assert!(target(other).is_err(), "{other}");
        }
    }

    /// Catches: levels that last longer than they should, and an end that only those see who ask.
    #[test]
    fn levels_last_until_their_end() {
        let applied = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&applied);
        let levels = LogLevels::new("info", move |configured: &str, levels: &[Setting]| {
            seen.lock().unwrap().push((configured.to_owned(), levels.len()));
        });
        let began = DateTime::UNIX_EPOCH;
        let until = began + Minutes::try_from(10).unwrap().get();
        levels.set(vec![(target("daybook_http").unwrap(), Level::Trace)], until);
        levels.end_by(until - TimeDelta::seconds(1));
        assert_eq!(levels.changed().unwrap().levels.len(), 1);
        levels.end_by(until);
        assert!(levels.changed().is_none());
        levels.end_by(until + TimeDelta::days(1));
        assert_eq!(*applied.lock().unwrap(), [("info".to_owned(), 1), ("info".to_owned(), 0)]);
    }

    #[test]
    fn they_last_a_day_at_most() {
        let is_taken = |minutes| Minutes::try_from(minutes).is_ok();
        assert_eq!([0, 1, 1_440, 1_441].map(is_taken), [false, true, true, false]);
    }
}
