//! Single flight: a caller that asks for what is already being read waits for that answer and doesn't read, too.

use std::{
    any::Any,
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use daybook_domain::Position;
use tokio::sync;

use super::question::Answer;
use crate::cache::{Key, Value};

#[derive(Default)]
pub(super) struct Flights {
    under_way: Mutex<HashMap<Key, Arc<Flight>>>,
}

/// The caller that holds the lock reads; the others wait for it.
type Flight = sync::Mutex<State>;

#[derive(Default)]
enum State {
    #[default]
    UnderWay,
    /// `None`: nothing was found.
    Landed(Option<(Value, Position)>),
    Failed,
}

impl Flights {
    /// The result of `read`, or the result of another caller that is already reading the same, if that is
    /// `acceptable`. A failure is not shared: then each caller reads on its own.
    pub async fn share<T: Any + Send + Sync, E>(
        &self,
        question: &Key,
        acceptable: impl Fn(Option<&Answer<T>>) -> bool,
        read: impl Future<Output = Result<Option<Answer<T>>, E>>,
    ) -> Result<Option<Answer<T>>, E> {
        let seat = self.board(question);
        let mut state = seat.flight.lock().await;
        if !matches!(*state, State::UnderWay) {
            let landed = state.landed().filter(|answer| acceptable(answer.as_ref()));
            drop(state);
            return match landed {
                Some(answer) => Ok(answer),
                None => read.await,
            };
        }
        let answer = read.await;
        // A caller that comes later must not get what was read before it asked.
        seat.close();
        *state = answer.as_ref().map_or(State::Failed, |answer| State::Landed(erased(answer.as_ref())));
        answer
    }

    fn board<'a>(&'a self, question: &'a Key) -> Seat<'a> {
        let flight = self.under_way().entry(question.clone()).or_default().clone();
        Seat { flights: self, question, flight }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What was found or wasn't, if it is known and of the type that is asked for.
    fn landed<T: Any + Send + Sync>(&self) -> Option<Option<Answer<T>>> {
        match self {
            Self::UnderWay | Self::Failed => None,
            Self::Landed(None) => Some(None),
            Self::Landed(Some((value, position))) => {
                let value = Arc::clone(value).downcast().ok()?;
                Some(Some(Answer { value, position: *position }))
            }
        }
    }
}

fn erased<T: Any + Send + Sync>(answer: Option<&Answer<T>>) -> Option<(Value, Position)> {
    answer.map(|answer| (Arc::clone(&answer.value) as Value, answer.position))
}

/// The place of one caller in a flight.
struct Seat<'a> {
    flights: &'a Flights,
    question: &'a Key,
    flight: Arc<Flight>,
}

impl Seat<'_> {
    fn close(&self) {
        let mut under_way = self.flights.under_way();
        if under_way.get(self.question).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            under_way.remove(self.question);
        }
    }
}

impl Drop for Seat<'_> {
    /// If the last caller goes away before there is a result, the flight is removed.
    fn drop(&mut self) {
        // The two are the map's and this one: no caller can join the flight while the map is locked.
        let mut under_way = self.flights.under_way();
        if Arc::strong_count(&self.flight) == 2
            && under_way.get(self.question).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight))
        {
            under_way.remove(self.question);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::{FutureExt, future::join_all};

    use super::*;
    use crate::{
        cache::{Audience, Kind, Of},
        queries::QueryError,
    };

    type Answered = Result<Option<Answer<&'static str>>, QueryError>;

    fn question() -> Key {
        let kind = Kind { model: "orders", read: "order.by_id", audience: Audience::Staff };
        Key { kind, of: Of::Item("a".into()) }
    }

    fn answer(position: i64) -> Option<Answer<&'static str>> {
        Some(Answer { value: Arc::new("an order"), position: Position(position) })
    }

    #[tokio::test]
    async fn many_who_ask_the_same_cause_one_read() {
        let (flights, question, reads) = (Flights::default(), question(), AtomicUsize::new(0));
        let ask = || {
            flights.share(&question, |_| true, async {
                reads.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Answered::Ok(answer(1))
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
        let (flights, question) = (Flights::default(), question());
        let first = flights.share(&question, |_| true, async {
            tokio::task::yield_now().await;
            Answered::Ok(answer(1))
        });
        let newer = |answer: Option<&Answer<_>>| answer.is_some_and(|answer| answer.position.0 >= 2);
        let second = flights.share(&question, newer, async { Answered::Ok(answer(2)) });
        let (first, second) = tokio::join!(first, second);
        let position = |answer: Answered| answer.expect("read").expect("found").position;
        assert_eq!((position(first), position(second)), (Position(1), Position(2)));
    }

    #[tokio::test]
    async fn a_reader_who_leaves_leaves_the_reading_to_the_next() {
        let (flights, question) = (Flights::default(), question());
        let mut first = Box::pin(flights.share(&question, |_| true, std::future::pending::<Answered>()));
        assert!((&mut first).now_or_never().is_none());
        let second = flights.share(&question, |_| true, async { Answered::Ok(answer(2)) });
        tokio::pin!(second);
        assert!((&mut second).now_or_never().is_none(), "it waits for the first");
        drop(first);
        assert!(second.await.expect("read").is_some());
        assert!(flights.under_way().is_empty());
    }

    #[tokio::test]
    async fn a_failure_is_not_shared() {
        let (flights, question) = (Flights::default(), question());
        let failed = flights.share(&question, |_| true, async {
            tokio::task::yield_now().await;
            Answered::Err(QueryError::NotReady)
        });
        let other = flights.share(&question, |_| true, async { Answered::Ok(answer(1)) });
        let (failed, other) = tokio::join!(failed, other);
        assert!(failed.is_err() && other.is_ok());
    }
}
