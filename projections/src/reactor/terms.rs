//! What holds for each lane of the ledger.

use std::time::Duration;

use daybook_domain::{reactions::Lane, settings::Span};

use crate::settings::Effects;

/// By how much a pause after a failure is shorter or longer than it would be.
const SPREAD: std::ops::Range<f64> = 0.75..1.25;

pub(crate) struct Terms {
    /// Effects that one process performs at the same time.
    pub at_once: usize,
    /// How long one try may take.
    pub limit: Span,
    /// The pause after the first failure; it doubles with each further one.
    pub first_pause: Duration,
    pub longest_pause: Duration,
    /// After so many tries it is a dead letter. `None`: it is tried for ever, and an alert tells that it is late.
    pub attempts: Option<u32>,
}

impl Terms {
    pub fn of(lane: Lane, settings: &Effects) -> Self {
        match lane {
            Lane::Post => Self {
                at_once: settings.concurrency,
                limit: settings.timeout,
                first_pause: Duration::from_secs(5),
                longest_pause: Duration::from_secs(600),
                attempts: Some(settings.attempts),
            },
            Lane::Clock => Self {
                at_once: 4,
                limit: Span::seconds(5),
                first_pause: Duration::from_secs(1),
                longest_pause: Duration::from_secs(60),
                attempts: None,
            },
        }
    }

    pub fn may_retry(&self, attempt: u32) -> bool {
        self.attempts.is_none_or(|attempts| attempt < attempts)
    }

    /// The pause behind this failed try.
    pub fn pause(&self, attempt: u32) -> Duration {
        self.even_pause(attempt).mul_f64(rand::random_range(SPREAD))
    }

    fn even_pause(&self, attempt: u32) -> Duration {
        self.first_pause.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(self.longest_pause)
    }
}

/// How long the row of an effect that is done is kept.
pub(crate) const fn kept_for(lane: Lane) -> Duration {
    let days = match lane {
        Lane::Post => 365,
        Lane::Clock => 30,
    };
    Duration::from_secs(days * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = |lane| {
            let terms = Terms::of(lane, &Effects::default());
            [1, 2, 3, 8, 9, 1_000].map(|attempt| terms.even_pause(attempt).as_secs())
        };
        assert_eq!(pauses(Lane::Post), [5, 10, 20, 600, 600, 600]);
        assert_eq!(pauses(Lane::Clock), [1, 2, 4, 60, 60, 60]);
    }

    #[test]
    fn only_what_goes_out_is_given_up() {
        let may_retry = |lane, attempt| Terms::of(lane, &Effects::default()).may_retry(attempt);
        assert!(may_retry(Lane::Post, 19) && !may_retry(Lane::Post, 20));
        assert!(may_retry(Lane::Clock, u32::MAX));
    }
}
