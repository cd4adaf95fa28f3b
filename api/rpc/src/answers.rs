//! Answers whose clients take nothing of them are given up after a time, so that their places are free.
//!
//! A client that reads what its connection brings, but nothing of one answer, stops that answer alone: HTTP/2 lets each
//! have so many bytes under way (RFC 9113, section 5.2), and nothing asks for more of it then. So it is the connection
//! that looks after its answers.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll, Wake, Waker, ready},
    time::Duration,
};

use futures::Stream;
use tokio::time::Instant;
use tonic::Status;

const UNPOISONED: &str = "nobody panics while holding this lock";

pub type Answer<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Those of one connection that are not complete.
#[derive(Clone, Default)]
pub struct Answers(Arc<Mutex<Vec<Weak<dyn Going>>>>);

/// An answer that is given up if nothing of it is taken.
pub struct Watched<T>(Arc<Mutex<State<T>>>);

enum State<T> {
    Going { answer: Answer<T>, rest: Arc<Rest> },
    GivenUp,
    Over,
}

/// An answer, whatever it is made of.
trait Going: Send + Sync {
    fn give_up(&self, patience: Duration);
}

/// The time in which an answer is not asked for more although it has more.
#[derive(Default)]
struct Rest {
    since: Mutex<Option<Instant>>,
    /// Wakes who asks for more.
    waker: Mutex<Option<Waker>>,
}

impl Answers {
    pub fn watch<T: 'static>(&self, answer: Answer<T>) -> Watched<T> {
        let state = Arc::new(Mutex::new(State::Going { answer, rest: Arc::default() }));
        let mut all = self.0.lock().expect(UNPOISONED);
        all.retain(|other| other.strong_count() > 0);
        let going: Weak<dyn Going> = Arc::<Mutex<State<T>>>::downgrade(&state);
        all.push(going);
        Watched(state)
    }

    /// Gives those up of which nothing was taken for so long.
    pub fn give_up(&self, patience: Duration) {
        let all: Vec<_> = self.0.lock().expect(UNPOISONED).iter().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|answer| answer.give_up(patience));
    }
}

impl<T> Going for Mutex<State<T>> {
    fn give_up(&self, patience: Duration) {
        let mut state = self.lock().expect(UNPOISONED);
        if matches!(&*state, State::Going { rest, .. } if rest.is_longer_than(patience)) {
            *state = State::GivenUp;
        }
    }
}

impl Rest {
    fn is_longer_than(&self, patience: Duration) -> bool {
        self.since.lock().expect(UNPOISONED).is_some_and(|since| since.elapsed() >= patience)
    }

    fn begin(&self) {
        self.since.lock().expect(UNPOISONED).get_or_insert_with(Instant::now);
    }

    fn end(&self, waker: &Waker) {
        *self.since.lock().expect(UNPOISONED) = None;
        *self.waker.lock().expect(UNPOISONED) = Some(waker.clone());
    }
}

/// There is more.
impl Wake for Rest {
    fn wake(self: Arc<Self>) {
        self.begin();
        let waker = self.waker.lock().expect(UNPOISONED).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Stream for Watched<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock().expect(UNPOISONED);
        let State::Going { answer, rest } = &mut *state else {
            let before = mem::replace(&mut *state, State::Over);
            return Poll::Ready(matches!(before, State::GivenUp).then(|| Err(untaken())));
        };
        rest.end(context.waker());
        let waker = Waker::from(Arc::clone(rest));
        let next = ready!(answer.as_mut().poll_next(&mut Context::from_waker(&waker)));
        rest.begin();
        Poll::Ready(next)
    }
}

/// The client has left lying what it was answered. What it has taken is good, and it may go on from there.
fn untaken() -> Status {
    Status::deadline_exceeded("nothing of the answer was taken for too long")
}
