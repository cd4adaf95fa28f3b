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

use crate::{protocol::streams::ReadResp, status};

const UNPOISONED: &str = "nobody panics while holding this lock";

pub type Answer = Pin<Box<dyn Stream<Item = Result<ReadResp, Status>> + Send>>;

/// Those of one connection that are not complete.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Mutex<Vec<Weak<Mutex<State>>>>>);

/// An answer that is given up if nothing of it is taken.
pub struct Watched(Arc<Mutex<State>>);

enum State {
    Going { answer: Answer, rest: Arc<Rest> },
    GivenUp,
    Over,
}

/// The time in which an answer is not asked for more although it has more.
#[derive(Default)]
struct Rest {
    since: Mutex<Option<Instant>>,
    /// Wakes who asks for more.
    waker: Mutex<Option<Waker>>,
}

impl Answers {
    pub fn watch(&self, answer: Answer) -> Watched {
        let state = Arc::new(Mutex::new(State::Going { answer, rest: Arc::default() }));
        let mut all = self.0.lock().expect(UNPOISONED);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&state));
        Watched(state)
    }

    /// Gives those up of which nothing was taken for so long.
    pub fn give_up(&self, patience: Duration) {
        let all: Vec<_> = self.0.lock().expect(UNPOISONED).iter().filter_map(Weak::upgrade).collect();
        for state in all {
            let mut state = state.lock().expect(UNPOISONED);
            if matches!(&*state, State::Going { rest, .. } if rest.is_longer_than(patience)) {
                *state = State::GivenUp;
            }
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

impl Stream for Watched {
    type Item = Result<ReadResp, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.lock().expect(UNPOISONED);
        let State::Going { answer, rest } = &mut *state else {
            let before = mem::replace(&mut *state, State::Over);
            return Poll::Ready(matches!(before, State::GivenUp).then(|| Err(status::untaken())));
        };
        rest.end(context.waker());
        let waker = Waker::from(Arc::clone(rest));
        let next = ready!(answer.as_mut().poll_next(&mut Context::from_waker(&waker)));
        rest.begin();
        Poll::Ready(next)
    }
}
