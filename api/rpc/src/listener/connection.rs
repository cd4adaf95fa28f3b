//! One connection of a client, which can be ended from here, and is where its client takes nothing.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep},
};
use tokio_rustls::server::TlsStream;
use tokio_util::{
    either::Either,
    sync::{CancellationToken, WaitForCancellationFutureOwned},
};
use tonic::transport::server::Connected;

use crate::{answers::Answers, caller::Peer, metrics};

/// How often it is looked within the time that a client may take nothing.
const LOOKS: u32 = 4;
/// Each client says first that it speaks HTTP/2, in so many bytes (RFC 9113, section 3.4).
const PREFACE_BYTES: usize = 24;
/// How long it may take to say so.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(5);

/// What goes over the connection, in the clear or encrypted.
pub type Bytes = Either<TcpStream, Box<TlsStream<TcpStream>>>;

pub struct Connection {
    bytes: Bytes,
    peer: Peer,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Its client has not said yet what it speaks.
    unannounced: Option<Unannounced>,
    /// When it is looked at whether its client takes what it is sent.
    looks: Interval,
    patience: Duration,
    /// Since when its client has taken nothing of what is sent.
    stuck_since: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

struct Unannounced {
    bytes: usize,
    too_late: Pin<Box<Sleep>>,
}

impl Connection {
    /// Ended by `end`, or when its client takes nothing for as long as `patience`, or says nothing at the beginning.
    pub fn new(
        bytes: Bytes,
        peer: IpAddr,
        place: OwnedSemaphorePermit,
        end: CancellationToken,
        patience: Duration,
    ) -> Self {
        metrics::CONNECTIONS.inc();
        let every = patience / LOOKS;
        let mut looks = interval_at(Instant::now() + every, every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            bytes,
            peer: Peer { address: peer.to_canonical(), answers: Answers::default() },
            end: Box::pin(end.cancelled_owned()),
            unannounced: Some(Unannounced { bytes: 0, too_late: Box::pin(sleep(PREFACE_TIMEOUT)) }),
            looks,
            patience,
            stuck_since: None,
            _place: place,
        }
    }

    /// An error, once it is to end.
    fn poll_end(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.end.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let too_late = self.unannounced.as_mut().map(|unannounced| unannounced.too_late.as_mut());
        if too_late.is_some_and(|too_late| too_late.poll(context).is_ready()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        while self.looks.poll_tick(context).is_ready() {
            if self.stuck_since.is_some_and(|since| since.elapsed() >= self.patience) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.peer.answers.give_up(self.patience);
        }
        Ok(())
    }

    fn note_heard(&mut self, bytes: usize) {
        self.unannounced = self.unannounced.take().and_then(|before| {
            let bytes = before.bytes + bytes;
            (bytes < PREFACE_BYTES).then_some(Unannounced { bytes, ..before })
        });
    }

    fn note<T>(&mut self, sent: Poll<T>) -> Poll<T> {
        self.stuck_since = match sent {
            Poll::Pending => self.stuck_since.or_else(|| Some(Instant::now())),
            Poll::Ready(_) => None,
        };
        sent
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        metrics::CONNECTIONS.dec();
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_end(context)?;
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.bytes).poll_read(context, buffer);
        self.note_heard(buffer.filled().len() - before);
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_end(context)?;
        let sent = Pin::new(&mut self.bytes).poll_write(context, buffer);
        self.note(sent)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(context)?;
        let sent = Pin::new(&mut self.bytes).poll_flush(context);
        self.note(sent)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(context)?;
        Pin::new(&mut self.bytes).poll_shutdown(context)
    }
}
