//! A connection, from its beginning to its end. The web server knows requests and answers; what limits a connection
//! before, between and after them is here:
//! - the time that the head of a request may take, also of the second one and those behind it;
//! - the time that a client may take to read its answer;
//! - the time that a body may go on after an answer which didn't wait for it;
//! - room: connections without a request in work are ended if new ones need their places, one by one: first those
//!   whose clients don't read, then those that have been without a request for longest.
//!
//! The bytes of a connection pass through [`Guarded`], which ends it by an error. What goes on in it is told to its
//! [`Connection`] by [`observe`](super::observe), which sees requests begin and end. What the web server writes by
//! itself is held back or replaced there, too ([`unasked`]).

mod unasked;

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
/// The shortest time that an alarm is set to.
const TICK: Duration = Duration::from_millis(1);

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
    /// With more than that, there is one that has to make room.
    most: usize,
    next: Cell<u64>,
    present: RefCell<HashMap<u64, Connection>>,
    /// The one that has to make room, unless it gets a request to work on before its time is over.
    chosen: Cell<Option<u64>>,
}

/// What goes on in a connection.
#[derive(Clone)]
pub struct Connection(Rc<State>);

struct State {
    crowd: Rc<Crowd>,
    place: u64,
    stage: Cell<Stage>,
    /// When the stage began.
    since: Cell<Instant>,
    /// The request in work has a body that was not read to its end yet.
    has_unread_body: Cell<bool>,
    /// Since when there is something that the client doesn't take.
    stuck_since: Cell<Option<Instant>>,
    go_on: Cell<GoOn>,
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

/// Whether the client of the request in work waits for a sign to send its body (RFC 9110, section 10.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GoOn {
    /// It doesn't.
    NotAsked,
    /// It does, and the sign is in what the web server has to write.
    Written { wanted: bool },
    /// The sign was taken out of that. Everything before it was sent.
    Held { wanted: bool },
}

/// The bytes of a connection.
pub struct Guarded {
    stream: TcpStream,
    connection: Connection,
    /// What is being written instead of something else.
    instead: Option<Instead>,
    alarm: Pin<Box<Sleep>>,
}

/// Bytes that are written instead of others, and how many of them were.
struct Instead {
    bytes: Vec<u8>,
    sent: usize,
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
        Rc::new(Self {
            times,
            most,
            next: Cell::new(0),
            present: RefCell::default(),
            chosen: Cell::default(),
        })
    }

    /// Takes in one more, and makes room if it is too many.
    pub fn guard(self: &Rc<Self>, stream: TcpStream) -> Guarded {
        let now = Instant::now();
        let place = self.next.get();
        self.next.set(place + 1);
        let connection = Connection(Rc::new(State {
            crowd: Rc::clone(self),
            place,
            stage: Cell::new(Stage::Head),
            since: Cell::new(now),
            has_unread_body: Cell::new(false),
            stuck_since: Cell::default(),
            go_on: Cell::new(GoOn::NotAsked),
            waker: RefCell::default(),
        }));
        self.present.borrow_mut().insert(place, connection.clone());
        self.reconsider(place);
        let alarm = Box::pin(sleep_until(now + self.times.head + LINGER));
        Guarded { stream, connection, instead: None, alarm }
    }

    /// Chooses the one that has to make room if there are too many, and has it look when its time is over.
    fn choose(&self) {
        self.chosen.set(None);
        let present = self.present.borrow();
        if present.len() <= self.most {
            return;
        }
        let idle = present.values().filter(|other| !other.is_in_work());
        let first = idle.min_by_key(|other| (other.0.stuck_since.get().is_none(), other.0.since.get()));
        let Some(first) = first else { return };
        self.chosen.set(Some(first.0.place));
        if let Some(waker) = first.0.waker.take() {
            waker.wake();
        }
    }

    /// This one is no longer what it was.
    fn reconsider(&self, place: u64) {
        if self.chosen.get().is_none_or(|chosen| chosen == place) {
            self.choose();
        }
    }

    /// It has gone.
    fn leave(&self, place: u64) {
        self.present.borrow_mut().remove(&place);
        self.reconsider(place);
    }
}

impl Connection {
    fn enter(&self, stage: Stage) {
        self.0.stage.set(stage);
        self.0.since.set(Instant::now());
        self.0.crowd.reconsider(self.0.place);
    }

    /// The head of a request is here.
    pub fn begin(&self, has_body: bool) {
        self.enter(Stage::InWork);
        self.0.has_unread_body.set(has_body);
    }

    /// The client of the request that comes now waits for a sign to send its body.
    pub fn waits_to_go_on(&self) {
        self.0.go_on.set(GoOn::Written { wanted: false });
    }

    /// The body of the request in work is going to be read.
    pub fn body_is_wanted(&self) {
        match self.0.go_on.get() {
            GoOn::NotAsked => return,
            GoOn::Written { .. } => self.0.go_on.set(GoOn::Written { wanted: true }),
            GoOn::Held { .. } => self.0.go_on.set(GoOn::Held { wanted: true }),
        }
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
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

    fn note_stuck(&self) {
        if self.0.stuck_since.get().is_none() {
            self.0.stuck_since.set(Some(Instant::now()));
        }
    }

    /// The client takes what is sent to it. `all` of that, for now?
    fn note_taken(&self, all: bool) {
        if self.0.stuck_since.get().is_none() {
            return;
        }
        self.0.since.set(Instant::now());
        if all {
            self.0.stuck_since.set(None);
        }
        self.0.crowd.reconsider(self.0.place);
    }

    /// When it is over, if nothing else happens.
    fn deadline(&self) -> Option<Instant> {
        let State { crowd, place, .. } = &*self.0;
        let (times, stage, since) = (&crowd.times, self.0.stage.get(), self.0.since.get());
        let deadline = match (self.0.stuck_since.get(), stage) {
            (Some(stuck_since), Stage::Streaming) => stuck_since + times.write_stream,
            (Some(stuck_since), _) => stuck_since + times.write,
            (None, Stage::Idle) => since + times.keep_alive + LINGER,
            (None, Stage::Head) => since + times.head + LINGER,
            (None, Stage::InWork | Stage::Streaming) => return None,
            (None, Stage::Leaving) => since + LINGER,
        };
        let has_to_make_room = crowd.chosen.get() == Some(*place);
        Some(if has_to_make_room { deadline.min(since + GRACE) } else { deadline })
    }
}

impl Guarded {
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }

    /// Fails if the connection is over, and is called again when it may be.
    ///
    /// It is over when an alarm of its deadline has rung, not when the deadline has passed: a thread that is busy
    /// looks at its alarms and at its sockets together, and may have left both alone for long.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut waker = self.connection.0.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        drop(waker);
        let Some(deadline) = self.connection.deadline() else { return Ok(()) };
        // An alarm that is too early is set anew when it rings: most deadlines are moved before that.
        if deadline < self.alarm.deadline() {
            let next = deadline.max(Instant::now() + TICK);
            if next < self.alarm.deadline() {
                self.alarm.as_mut().reset(next);
            }
        }
        while self.alarm.as_mut().poll(cx).is_ready() {
            if deadline <= self.alarm.deadline() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(deadline.max(Instant::now() + TICK));
        }
        Ok(())
    }

    /// Sends these bytes, or finds out that the client doesn't take them.
    fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if written.is_pending() {
            self.connection.note_stuck();
            self.check(cx)?;
        } else {
            // A stream may have no end, so each piece of it has the whole time.
            self.connection.note_taken(self.connection.0.stage.get() == Stage::Streaming);
        }
        written
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_go_on(cx))?;
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
        self.get_mut().poll_pass(cx, bytes)
    }

    /// The web server calls this when all that there was has been written.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.connection.note_taken(true);
        this.check(cx)?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let State { crowd, place, .. } = &*self.connection.0;
        crowd.leave(*place);
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
