//! How many may follow the log at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::{http::problem::Problem, metrics};

/// When it is worth coming again, s. A client that left without a word is noticed a little after the next
/// heartbeat.
const COME_AGAIN_S: u64 = 15;

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

/// The place of one follower, until it is dropped.
pub struct Place {
    subject: String,
    taken: Arc<Mutex<Taken>>,
}

impl Places {
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Self { most, most_of_one, taken: Arc::default() }
    }

    pub fn take(&self, subject: &str) -> Result<Place, Problem> {
        let mut taken = self.taken.lock().expect(UNPOISONED);
        let own = taken.by_subject.get(subject).copied().unwrap_or_default();
        if own >= self.most_of_one {
            metrics::TURNED_AWAY.with_label_values(&["rate_limited"]).inc();
            return Err(Problem::rate_limited(COME_AGAIN_S));
        }
        if taken.all >= self.most {
            metrics::TURNED_AWAY.with_label_values(&["overloaded"]).inc();
            return Err(Problem::overloaded());
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
        let code = |taken: Result<Place, Problem>| taken.map(drop).map_err(|problem| problem.code().as_str());
        let first = places.take("ann").expect("a place");
        let _second = places.take("ann").expect("a place");
        assert_eq!(code(places.take("ann")), Err("rate_limited"));
        let _third = places.take("bob").expect("a place");
        assert_eq!(code(places.take("cy")), Err("overloaded"));
        drop(first);
        assert_eq!(code(places.take("ann")), Ok(()));
        assert_eq!(code(places.take("cy")), Ok(()));
    }
}
