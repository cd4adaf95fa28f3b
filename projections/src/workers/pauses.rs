//! How long a worker that failed rests before the next try.

use std::time::Duration;

/// Pauses that double with each failure in a row, from `first` up to `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pauses {
    first: Duration,
    most: Duration,
}

impl Pauses {
    /// For a round that must not be held up by the one before.
    pub const NONE: Self = Self::new(Duration::ZERO, Duration::ZERO);

    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most }
    }

    pub const fn millis(first: u64, most: u64) -> Self {
        Self::new(Duration::from_millis(first), Duration::from_millis(most))
    }

    /// The pause after a failure that had so many others in front of it, without jitter.
    fn after(self, failures: u32) -> Duration {
        self.first.saturating_mul(2_u32.saturating_pow(failures)).min(self.most)
    }

    /// The same, less up to a half, so that workers that failed together don't try again together.
    pub fn jittered(self, failures: u32) -> Duration {
        self.after(failures).mul_f64(rand::random_range(0.5..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = Pauses::millis(100, 2_000);
        let after = |failures| pauses.after(failures).as_millis();
        assert_eq!([0, 1, 2, 4, 5, 1_000, u32::MAX].map(after), [100, 200, 400, 1_600, 2_000, 2_000, 2_000]);
    }

    #[test]
    fn jitter_takes_at_most_a_half() {
        let pauses = Pauses::millis(100, 2_000);
        for _ in 0..1_000 {
            let pause = pauses.jittered(1);
            assert!(pause >= Duration::from_millis(100) && pause < Duration::from_millis(200), "{pause:?}");
        }
    }
}
