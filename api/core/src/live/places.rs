//! How many may follow the log at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::metrics::{self, TurnedAway};

const UNPOISONED: &str = "nobody panics while holding this lock";

pub struct Places {
    most: usize,
    most_of_one: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// How many places each subject has; a subject that has none is not in here.
    by_subject: HashMap<String, usize>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPlace {
    /// The caller has as many as one subject may have.
    OfSubject,
    /// The process has as many as it may have.
    OfProcess,
}

/// The place of one follower, until it is dropped.
pub struct Place {
    subject: String,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, taken: Arc::default() }
    }

    pub fn take(&self, subject: &str) -> Result<Place, NoPlace> {
        let mut taken = self.taken.lock().expect(UNPOISONED);
        let own = taken.by_subject.get(subject).copied().unwrap_or_default();
        if own >= self.most_of_one {
            TurnedAway::RateLimited.count();
            return Err(NoPlace::OfSubject);
        }
        if taken.all >= self.most {
            TurnedAway::Overloaded.count();
            return Err(NoPlace::OfProcess);
        }
        taken.all += 1;
        taken.by_subject.insert(subject.to_owned(), own + 1);
        metrics::LIVE_STREAMS.inc();
        Ok(Place { subject: subject.to_owned(), taken: self.taken.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().expect(UNPOISONED);
        taken.all -= 1;
        if let Some(own) = taken.by_subject.get_mut(&self.subject) {
            *own -= 1;
            if *own == 0 {
                taken.by_subject.remove(&self.subject);
            }
        }
        metrics::LIVE_STREAMS.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_follower_has_left() {
        let places = Places::new(3, 2);
        let asked = |taken: Result<Place, NoPlace>| taken.map(drop);
        let first = places.take("ann").expect("a place");
        let _second = places.take("ann").expect("a place");
        assert_eq!(asked(places.take("ann")), Err(NoPlace::OfSubject));
        let _third = places.take("bob").expect("a place");
        assert_eq!(asked(places.take("cy")), Err(NoPlace::OfProcess));
        drop(first);
        assert_eq!(asked(places.take("ann")), Ok(()));
        assert_eq!(asked(places.take("cy")), Ok(()));
    }
}
