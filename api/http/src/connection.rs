//! A connection, from its beginning to its end. The web server knows requests and answers; what limits a connection
//! before, between and after them is here:
//! - the time that the head of a request may take, also of the second one and those behind it;
//! - the time that a client may take to read its answer;
//! - the time that a body may go on after an answer which didn't wait for it;
//! - room: connections without a request in work are ended, the oldest first, if new ones need their places.
//!
//! The bytes of a connection pass through [`Guarded`], which ends it by an error. What goes on in it is told to its
//! [`Connection`] by [`observe`](super::observe), which sees requests begin and end.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    rt::net::TcpStream,
};
use bytes::Bytes;
use daybook_core::config::Config;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// How long what a client still sends is read after its answer, so that it gets to read the answer; and how much
/// later than the web server a connection is ended here, where the web server has a limit of its own.
pub const LINGER: Duration = Duration::from_secs(1);
/// One in so many places is kept for new connections, by ending others.
const KEPT_FREE: usize = 8;
/// How long a connection without a request in work is left alone where there is no room.
const GRACE: Duration = Duration::from_millis(200);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    head: Duration,
    keep_alive: Duration,
    write: Duration,
    write_stream: Duration,
}

/// The connections of one thread of a listener.
pub struct Crowd {
    times: Times,
    /// With more than that, those that have been without a request in work for longest are ended.
    most: usize,
    next: Cell<u64>,
    present: RefCell<HashMap<u64, Connection>>,
}

/// What goes on in a connection.
#[derive(Debug, Clone)]
pub struct Connection(Rc<State>);

#[derive(Debug)]
struct State {
    stage: Cell<Stage>,
    /// When the stage began.
    since: Cell<Instant>,
    /// The request in work has a body that was not read to its end yet.
    has_unread_body: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No byte of a request has come.
    Idle,
    /// The head of a request is coming.
    Head,
    /// A request is in work, and its answer is sized.
    InWork,
    /// The answer is a stream.
    Streaming,
    /// The last answer was given.
    Leaving,
}

/// The bytes of a connection.
pub struct Guarded {
    stream: TcpStream,
    connection: Connection,
    crowd: Rc<Crowd>,
    place: u64,
    /// Since when there is something that the client doesn't take.
    stuck_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

/// An answer that is a stream. Its request is in work until its last piece, or until it is given up.
struct Streamed {
    body: BoxBody,
    connection: Connection,
}

impl Times {
    pub fn of(config: &Config) -> Self {
        Self {
            head: config.http.client_timeout.get(),
            keep_alive: config.http.keep_alive.get(),
            write: config.http.write_timeout.get(),
            write_stream: config.live.write_timeout.get(),
        }
    }
}

impl Crowd {
    /// For `room` connections.
    pub fn new(times: Times, room: usize) -> Rc<Self> {
        let most = room - room.div_ceil(KEPT_FREE).min(room.saturating_sub(1));
        Rc::new(Self { times, most, next: Cell::new(0), present: RefCell::default() })
    }

    /// Takes in one more, and makes room if it is too many.
    pub fn guard(self: &Rc<Self>, stream: TcpStream) -> Guarded {
        let now = Instant::now();
        let connection = Connection(Rc::new(State {
            stage: Cell::new(Stage::Head),
            since: Cell::new(now),
            has_unread_body: Cell::new(false),
            waker: RefCell::default(),
        }));
        let place = self.next.get();
        self.next.set(place + 1);
        self.present.borrow_mut().insert(place, connection.clone());
        self.make_room();
        let alarm = Box::pin(sleep_until(now + self.times.head + LINGER));
        Guarded { stream, connection, crowd: Rc::clone(self), place, stuck_since: None, alarm }
    }

    fn is_full(&self) -> bool {
        self.present.borrow().len() > self.most
    }

    /// Has the one that has been without a request in work for longest look whether it is over.
    fn make_room(&self) {
        if !self.is_full() {
            return;
        }
        let present = self.present.borrow();
        let idle = present.values().filter(|other| !other.is_in_work());
        let longest = idle.min_by_key(|other| other.0.since.get());
        if let Some(waker) = longest.and_then(|longest| longest.0.waker.take()) {
            waker.wake();
        }
    }
}

impl Connection {
    fn enter(&self, stage: Stage) {
        self.0.stage.set(stage);
        self.0.since.set(Instant::now());
    }

    /// The head of a request is here.
    pub fn begin(&self, has_body: bool) {
        self.enter(Stage::InWork);
        self.0.has_unread_body.set(has_body);
    }

    /// The body of the request in work was read to its end.
    pub fn body_was_read(&self) {
        self.0.has_unread_body.set(false);
    }

    /// Whether the connection can't be used for another request.
    pub fn has_unread_body(&self) -> bool {
        self.0.has_unread_body.get()
    }

    /// There is an answer with this body.
    pub fn answer(&self, body: BoxBody) -> BoxBody {
        if matches!(body.size(), BodySize::Stream) {
            self.enter(Stage::Streaming);
            return BoxBody::new(Streamed { body, connection: self.clone() });
        }
        self.end_request();
        body
    }

    /// Its answer is complete.
    pub fn end_request(&self) {
        self.enter(if self.has_unread_body() { Stage::Leaving } else { Stage::Idle });
    }

    fn is_in_work(&self) -> bool {
        matches!(self.0.stage.get(), Stage::InWork | Stage::Streaming)
    }
}

impl Guarded {
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// When it is over, if nothing else happens.
    fn deadline(&self) -> Option<Instant> {
        let (times, state) = (&self.crowd.times, &*self.connection.0);
        let (stage, since) = (state.stage.get(), state.since.get());
        let deadline = match (self.stuck_since, stage) {
            (Some(stuck_since), Stage::Streaming) => stuck_since + times.write_stream,
            (Some(stuck_since), _) => stuck_since + times.write,
            (None, Stage::Idle) => since + times.keep_alive + LINGER,
            (None, Stage::Head) => since + times.head + LINGER,
            (None, Stage::InWork | Stage::Streaming) => return None,
            (None, Stage::Leaving) => since + LINGER,
        };
        let is_in_the_way = !self.connection.is_in_work() && self.crowd.is_full();
        Some(if is_in_the_way { deadline.min(since + GRACE) } else { deadline })
    }

    /// Fails if the connection is over, and is called again when it may be.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut waker = self.connection.0.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        let Some(deadline) = self.deadline() else { return Ok(()) };
        // An alarm that is too early is set anew when it comes: most deadlines are moved before that.
        if deadline < self.alarm.deadline() {
            self.alarm.as_mut().reset(deadline);
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            if deadline <= Instant::now() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(deadline);
        }
        Ok(())
    }

    /// The client takes what is sent to it. `all` of that, for now?
    fn is_taken(&mut self, all: bool) {
        if self.stuck_since.is_some() {
            self.connection.0.since.set(Instant::now());
        }
        if all {
            self.stuck_since = None;
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buf);
        if read.is_pending() {
            // Only then: a request that is there is answered, however late this comes to read it.
            this.check(cx)?;
        }
        ready!(read)?;
        if buf.filled().len() > before && this.connection.0.stage.get() == Stage::Idle {
            this.connection.enter(Stage::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if written.is_pending() {
            this.stuck_since.get_or_insert_with(Instant::now);
            this.check(cx)?;
        } else {
            // A stream may have no end, so each piece of it has the whole time.
            this.is_taken(this.connection.0.stage.get() == Stage::Streaming);
        }
        written
    }

    /// The web server calls this when all that there was has been written.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.is_taken(true);
        this.check(cx)?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.crowd.present.borrow_mut().remove(&self.place);
        self.crowd.make_room();
    }
}

impl MessageBody for Streamed {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(cx)
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        self.connection.end_request();
    }
}
