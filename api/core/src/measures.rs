//! The last hour of this process in numbers, kept in memory: for people who look, without any other program.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// How often it is measured.
pub const EVERY: Duration = Duration::from_secs(10);
/// An hour.
const KEPT: usize = 360;

/// What was measured at a time. Rates and durations are of the time since the sample before, so the first one has none.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Sample {
    pub at: DateTime<Utc>,
    /// Requests over HTTP to routes of the API that this process answered, in a second, the console's own among them.
    #[schema(required, minimum = 0)]
    pub requests_per_second: Option<f64>,
    /// Those among them that failed here (5xx).
    #[schema(required, minimum = 0)]
    pub failures_per_second: Option<f64>,
    /// Half of the answers took no longer, in milliseconds; null if there were none.
    #[schema(required, minimum = 0)]
    pub p50_ms: Option<f64>,
    /// 99 of 100 answers took no longer.
    #[schema(required, minimum = 0)]
    pub p99_ms: Option<f64>,
    /// Events that came into the log, in a second.
    #[schema(required, minimum = 0)]
    pub events_per_second: Option<f64>,
    /// The lag of each projection, in seconds.
    #[schema(value_type = BTreeMap<String, f64>)]
    pub lag_seconds: BTreeMap<String, f64>,
}

/// Samples of the last hour, the oldest first.
#[derive(Debug, Default)]
pub struct Measures(Mutex<VecDeque<Sample>>);

impl Measures {
    pub fn add(&self, sample: Sample) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(sample);
    }

    pub fn list(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: memory that grows as long as a process lives, and a plot of its first hour.
    #[test]
    fn the_newest_samples_of_an_hour_are_kept() {
        let measures = Measures::default();
        let sample = |second: i64| Sample {
            at: DateTime::from_timestamp(second, 0).expect("a time"),
            requests_per_second: None,
            failures_per_second: None,
            p50_ms: None,
            p99_ms: None,
            events_per_second: None,
            lag_seconds: BTreeMap::new(),
        };
        (0..400).for_each(|second| measures.add(sample(second)));
        let kept = measures.list();
        assert_eq!((kept.len(), kept.first(), kept.last()), (360, Some(&sample(40)), Some(&sample(399))));
    }
}
