//! Single flight: who asks what is being read already waits for that answer instead of reading too.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync;

use super::question::{Answer, QueryError};
use crate::cache::Key;

/// What is asked for, and how it is rendered.
type Question = (Key, &'static str);

#[derive(Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<Question, Arc<Flight>>>,
}

/// Whoever holds the lock reads; the others wait for it.
type Flight = sync::Mutex<State>;

#[derive(Default)]
enum State {
    #[default]
    UnderWay,
    Landed(Option<Answer>),
    Failed,
}

impl Flights {
    /// What `read` yields, or what somebody else who is reading the same yields, if that is
    /// `acceptable`. A failure is not shared: then everybody reads on their own.
    pub async fn share(
        &self,
        question: Question,
        acceptable: impl Fn(&Option<Answer>) -> bool,
        read: impl Future<Output = Result<Option<Answer>, QueryError>>,
    ) -> Result<Option<Answer>, QueryError> {
        let seat = self.board(question);
        let mut state = seat.flight.lock().await;
        match &*state {
            State::UnderWay => {}
            State::Landed(answer) if acceptable(answer) => return Ok(answer.clone()),
            State::Landed(_) | State::Failed => {
                drop(state);
                return read.await;
            }
        }
        let answer = read.await;
        // Who comes later must not get what was read before they asked.
        seat.close();
        *state = answer.as_ref().map_or(State::Failed, |answer| State::Landed(answer.clone()));
        answer
    }

    fn board(&self, question: Question) -> Seat<'_> {
        let flight = self.under_way().entry(question.clone()).or_default().clone();
        Seat { flights: self, question, flight }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Question, Arc<Flight>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of one who asks.
struct Seat<'a> {
    flights: &'a Flights,
    question: Question,
    flight: Arc<Flight>,
}

impl Seat<'_> {
    fn close(&self) {
        let mut under_way = self.flights.under_way();
        if under_way.get(&self.question).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            under_way.remove(&self.question);
        }
    }
}

impl Drop for Seat<'_> {
    /// If the last one leaves before it landed, nothing is left of it.
    fn drop(&mut self) {
        // The map's and this one: nobody can come aboard while the map is locked.
        let mut under_way = self.flights.under_way();
        if Arc::strong_count(&self.flight) == 2
            && under_way.get(&self.question).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            under_way.remove(&self.question);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use daybook_domain::Position;
    use futures::{FutureExt, future::join_all};

    use super::*;
    use crate::cache::Served;

    fn question() -> Question {
        (Key::Item("orders", "a".into()), "v")
    }

    fn answer(position: i64) -> Option<Answer> {
        let served = Served { body: Bytes::from_static(b"{}"), etag: "\"1\"".into(), owner: None };
        Some(Answer { served: Arc::new(served), position: Position(position) })
    }

    #[tokio::test]
    async fn many_who_ask_the_same_cause_one_read() {
        let (flights, reads) = (Flights::default(), AtomicUsize::new(0));
        let ask = || {
            flights.share(question(), |_| true, async {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(answer(1))
            })
        };
        let answers = join_all((0..10).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| matches!(answer, Ok(Some(_)))));
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        ask().await.expect("an answer");
        assert_eq!(reads.load(Ordering::Relaxed), 2, "what landed is not given to who asks later");
        assert!(flights.under_way().is_empty());
    }

    #[tokio::test]
    async fn who_needs_a_newer_answer_reads_on_their_own() {
        let flights = Flights::default();
        let first = flights.share(question(), |_| true, async {
            tokio::task::yield_now().await;
            Ok(answer(1))
        });
        let newer = |answer: &Option<Answer>| answer.as_ref().is_some_and(|answer| answer.position.0 >= 2);
        let second = flights.share(question(), newer, async { Ok(answer(2)) });
        let (first, second) = tokio::join!(first, second);
        let position =
            |answer: Result<Option<Answer>, QueryError>| answer.expect("read").expect("found").position;
        assert_eq!((position(first), position(second)), (Position(1), Position(2)));
    }

    #[tokio::test]
    async fn a_reader_who_leaves_leaves_the_reading_to_the_next() {
        let flights = Flights::default();
        let mut first = Box::pin(flights.share(question(), |_| true, std::future::pending()));
        assert!((&mut first).now_or_never().is_none());
        let second = flights.share(question(), |_| true, async { Ok(answer(2)) });
        tokio::pin!(second);
        assert!((&mut second).now_or_never().is_none(), "it waits for the first");
        drop(first);
        assert!(second.await.expect("read").is_some());
        assert!(flights.under_way().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_not_shared() {
        let flights = Flights::default();
        let failed = flights.share(question(), |_| true, async {
            tokio::task::yield_now().await;
            Err(QueryError::NotReady)
        });
        let other = flights.share(question(), |_| true, async { Ok(answer(1)) });
        let (failed, other) = tokio::join!(failed, other);
        assert!(failed.is_err() && other.is_ok());
    }
}
