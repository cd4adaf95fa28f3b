//! How often servers have died: each is started again, ever more slowly, until that is hopeless.

use std::time::{Duration, Instant};

/// So many in so long are hopeless.
const HOPELESS: usize = 20;
const RECENT: Duration = Duration::from_secs(600);
const LONGEST_PAUSE_S: u64 = 15;

#[derive(Default)]
pub struct Restarts {
    times: Vec<Instant>,
}

impl Restarts {
    /// The pause before the next one, or nothing if there were too many.
    pub fn next(&mut self, now: Instant) -> Option<Duration> {
        self.times.retain(|time| now.duration_since(*time) <= RECENT);
        let recent = self.times.len();
        self.times.push(now);
        let pause_s = u64::try_from(recent).map_or(LONGEST_PAUSE_S, |recent| recent.min(LONGEST_PAUSE_S));
        (recent < HOPELESS).then_some(Duration::from_secs(pause_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_each_further_one_waits_longer() {
        let (mut restarts, now) = (Restarts::default(), Instant::now());
        let pauses: Vec<u64> =
            (0..18).map(|_| restarts.next(now).expect("it isn't hopeless yet").as_secs()).collect();
        assert_eq!(pauses[..4], [0, 1, 2, 3]);
        assert_eq!(pauses[15..], [15, 15, 15]);
    }

    #[test]
    fn twenty_restarts_in_ten_minutes_are_hopeless() {
        let (mut restarts, now) = (Restarts::default(), Instant::now());
        for _ in 0..20 {
            assert!(restarts.next(now).is_some());
        }
        assert_eq!(restarts.next(now), None);
    }

    #[test]
    fn restarts_of_long_ago_are_forgotten() {
        let (mut restarts, now) = (Restarts::default(), Instant::now());
        for _ in 0..20 {
            restarts.next(now);
        }
        assert_eq!(restarts.next(now + RECENT + Duration::from_secs(1)), Some(Duration::ZERO));
    }
}
