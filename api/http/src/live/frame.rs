//! How events are written in `text/event-stream`.

use bytes::Bytes;
use daybook_core::live::{Farewell, Said};
use daybook_domain::{Position, Record, published::publish};

/// How long a client waits before it comes back.
const RETRY_MS: u32 = 2_000;

/// What a follower says, as its client reads it; `None` if it is not told.
pub fn frame(said: Said) -> Option<Bytes> {
    match said {
        Said::Welcome => Some(greeting()),
        Said::Event(record) => Some(event(&record)),
        Said::StillHere(position) => Some(heartbeat(position)),
        Said::CaughtUp(_) => None,
        Said::Farewell(why) => Some(farewell(why)),
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
