//! How many refusals of one subject are kept in a minute, one by one. Of those beyond that, their number and the last one
//! are.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
/// Subjects that are counted apart, at most; all others are counted together.
const MAX_SUBJECTS: usize = 10_000;

pub struct Rate<E> {
    per_minute: u32,
    minutes: HashMap<String, Minute<E>>,
}

/// A subject's minute, which begins with a refusal.
struct Minute<E> {
    over_at: Instant,
    kept: u32,
    /// The last of those that were not kept, and how many they are.
    more: Option<(E, u64)>,
}

impl<E> Rate<E> {
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, minutes: HashMap::new() }
    }

    /// It, if it is to be kept by itself. A minute of which some weren't goes on until somebody has asked for it, so that
    /// their number isn't lost.
    pub fn take(&mut self, subject: &str, entry: E, now: Instant) -> Option<E> {
        if self.has_no_room(subject) {
            self.minutes.retain(|_, minute| minute.more.is_some() || minute.over_at > now);
        }
        let subject = if self.has_no_room(subject) { "" } else { subject };
        let begun = || Minute { over_at: now + MINUTE, kept: 0, more: None };
        let minute = self.minutes.entry(subject.to_owned()).or_insert_with(begun);
        if minute.over_at <= now && minute.more.is_none() {
            *minute = begun();
        }
        if minute.kept < self.per_minute {
            minute.kept += 1;
            return Some(entry);
        }
        let before = minute.more.take().map_or(0, |(_, count)| count);
        minute.more = Some((entry, before + 1));
        None
    }

    fn has_no_room(&self, subject: &str) -> bool {
        self.minutes.len() >= MAX_SUBJECTS && !self.minutes.contains_key(subject)
    }

    /// Of a minute that is over, the last refusal that wasn't kept, and how many weren't. A minute of which all were is
    /// forgotten.
    pub fn over(&mut self, now: Instant) -> Option<(E, u64)> {
        self.end(|minute| minute.over_at <= now)
    }

    /// The same of any minute, whether it is over or not.
    pub fn cut_short(&mut self) -> Option<(E, u64)> {
        self.end(|_| true)
    }

    fn end(&mut self, is_over: impl Fn(&Minute<E>) -> bool) -> Option<(E, u64)> {
        self.minutes.retain(|_, minute| !is_over(minute) || minute.more.is_some());
        let (subject, _) = self.minutes.iter().find(|(_, minute)| is_over(minute))?;
        let subject = subject.clone();
        self.minutes.remove(&subject)?.more
    }

    /// When the next minute will be over.
    pub fn next_over(&self) -> Option<Instant> {
        self.minutes.values().map(|minute| minute.over_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a caller whose refusals fill the disk, and refusals that nobody hears of.
    #[test]
    fn of_very_many_in_a_minute_the_number_is_kept() {
        let (mut rate, now) = (Rate::new(3), Instant::now());
        let kept: Vec<_> = (0..10).filter_map(|number| rate.take("mallory", number, now)).collect();
        assert_eq!(kept, [0, 1, 2]);
        assert_eq!(rate.take("alice", 10, now), Some(10), "another subject");
        assert_eq!((rate.over(now), rate.next_over()), (None, Some(now + MINUTE)));
        let later = now + MINUTE;
        assert_eq!(rate.take("mallory", 11, later), None, "its number was not asked for yet");
        assert_eq!(rate.over(later), Some((11, 8)));
        assert_eq!((rate.over(later), rate.next_over()), (None, None));
        assert_eq!(rate.take("mallory", 12, later), Some(12));
        assert_eq!(rate.cut_short(), None);
    }

    #[test]
    fn very_many_subjects_are_counted_together() {
        let (mut rate, now) = (Rate::new(1), Instant::now());
        for number in 0..MAX_SUBJECTS + 10 {
            rate.take(&number.to_string(), number, now);
        }
        assert_eq!(rate.minutes.len(), MAX_SUBJECTS + 1);
        assert_eq!(rate.cut_short(), Some((MAX_SUBJECTS + 9, 9)));
        rate.take("new", 0, now + MINUTE);
        assert_eq!(rate.minutes.len(), 1, "minutes that are over make room");
    }
}
