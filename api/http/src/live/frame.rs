//! How events are written in a stream.

use std::io;

use bytes::Bytes;
use daybook_core::{
    event_line,
    live::{Broken, Farewell, Said},
};
use daybook_domain::{Position, Record, published::publish};

/// How long a client waits before it comes back.
const RETRY_MS: u32 = 2_000;

/// A part of a stream. After an error, its client sees that it didn't end well, and not why.
pub type Piece = io::Result<Bytes>;

/// What a follower says, in `text/event-stream`; `None` if it is not told. A client of a log that was cut off is told
/// why when it comes back.
pub fn frame(said: Result<Said, Broken>) -> Option<Piece> {
    match said {
        Ok(Said::Welcome) => Some(Ok(greeting())),
        Ok(Said::Event(record)) => Some(Ok(event(&record))),
        Ok(Said::StillHere(position)) => Some(Ok(heartbeat(position))),
        Ok(Said::CaughtUp(_)) => None,
        Ok(Said::Farewell(why)) => Some(Ok(farewell(why))),
        Err(broken) => Some(Err(io::Error::other(broken))),
    }
}

/// The same in lines, of which there are only those of events. Half of them must not look like all.
pub fn line(said: Result<Said, Broken>) -> Option<Piece> {
    match said {
        Ok(Said::Event(record)) => Some(Ok(event_line::public(&record).into())),
        Ok(Said::Welcome | Said::StillHere(_) | Said::CaughtUp(_)) => None,
        Ok(Said::Farewell(why)) => Some(Err(io::Error::other(why))),
        Err(broken) => Some(Err(io::Error::other(broken))),
    }
}

/// Sent before everything else; it also makes the server send the head of the answer at once.
fn greeting() -> Bytes {
    format!("retry: {RETRY_MS}\n: events follow as they are appended\n\n").into()
}

/// Its id is what the client comes back with.
fn event(record: &Record) -> Bytes {
    let event = publish(record);
    let mut frame = format!("id: {}\nevent: {}\ndata: ", event.position, event.r#type).into_bytes();
    frame.extend(event.to_json());
    frame.extend(b"\n\n");
    frame.into()
}

/// No event, but a sign of life; with a position, the client comes back with that from now on.
fn heartbeat(position: Option<Position>) -> Bytes {
    match position {
        Some(position) => format!(": so far nothing else\nid: {position}\n\n").into(),
        None => Bytes::from_static(b": still here\n\n"),
    }
}

/// A comment for people who read the stream; clients reconnect by themselves.
fn farewell(why: Farewell) -> Bytes {
    format!(": {why}\n\n").into()
}
