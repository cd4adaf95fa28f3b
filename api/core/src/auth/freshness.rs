//! How old what is known of revocations is: a token that was revoked meanwhile would be taken for a good one.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

pub struct Freshness {
    began: Instant,
    /// When they were read last, in milliseconds since then.
    read_ms: AtomicU64,
    max_age_ms: u64,
}

impl Freshness {
    /// They count as read just now.
    pub fn new(max_age: Duration) -> Self {
        Self { began: Instant::now(), read_ms: AtomicU64::new(0), max_age_ms: millis(max_age) }
    }

    /// What was there at that moment is known.
    pub fn read_at(&self, moment: Instant) {
        self.read_ms.fetch_max(millis(moment.saturating_duration_since(self.began)), Ordering::Relaxed);
    }

    /// Whether what is known is new enough to say that a token is good.
    pub fn is_fresh(&self) -> bool {
        let now_ms = millis(self.began.elapsed());
        now_ms.saturating_sub(self.read_ms.load(Ordering::Relaxed)) < self.max_age_ms
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    #[tokio::test]
    async fn what_was_read_gets_old_and_a_late_answer_makes_it_no_older() {
        pause();
        let freshness = Freshness::new(Duration::from_secs(5));
        advance(Duration::from_millis(4_999)).await;
        assert!(freshness.is_fresh());
        let asked = Instant::now();
        advance(Duration::from_millis(1)).await;
        assert!(!freshness.is_fresh());
        freshness.read_at(asked);
        assert!(freshness.is_fresh());
        advance(Duration::from_millis(4_999)).await;
        assert!(!freshness.is_fresh());
        freshness.read_at(asked - Duration::from_secs(1));
        assert!(!freshness.is_fresh());
    }
}
