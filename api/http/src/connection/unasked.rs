//! What the web server writes by itself, beside the answers that it is given:
//! - the sign that a client may send its body is held back until the body is wanted, which is not so where the request
//!   is refused before that;
//! - bare answers to what can't be read as a request become problem documents.

use std::{
    io,
    task::{Context, Poll, ready},
};

use actix_web::{
    body::MessageBody,
    http::{StatusCode, header},
};
use daybook_core::request_id;
use tracing::info;

use super::{GoOn, Guarded, Instead};
use crate::{codes::HttpCode, problem::Problem, security::add_headers};

const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// A bare answer of the web server is shorter than that.
const MOST_BARE: usize = 256;

/// What becomes of bytes that are to be written.
enum Pass<'a> {
    /// So many of them are left out.
    LeftOut(usize),
    /// These come first.
    Bytes(&'a [u8]),
    /// Something else is written instead of all of them.
    Instead(Instead),
}

impl Guarded {
    pub(super) fn poll_pass(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.pass(bytes) {
            Pass::LeftOut(count) => Poll::Ready(Ok(count)),
            Pass::Bytes(bytes) => self.poll_send(cx, bytes),
            Pass::Instead(mut instead) => {
                while instead.sent < instead.bytes.len() {
                    match self.poll_send(cx, &instead.bytes[instead.sent..])? {
                        Poll::Ready(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                        Poll::Ready(count) => instead.sent += count,
                        Poll::Pending => {
                            self.instead = Some(instead);
                            return Poll::Pending;
                        }
                    }
                }
                Poll::Ready(Ok(bytes.len()))
            }
        }
    }

    /// What becomes of these bytes.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> Pass<'a> {
        if let Some(begun) = self.instead.take() {
            return Pass::Instead(begun);
        }
        let go_on = &self.connection.0.go_on;
        match go_on.get() {
            GoOn::NotAsked => {}
            GoOn::Written { wanted } => match find(bytes, GO_ON) {
                Some(0) if wanted => go_on.set(GoOn::NotAsked),
                Some(0) => {
                    go_on.set(GoOn::Held { wanted });
                    return Pass::LeftOut(GO_ON.len());
                }
                Some(start) => return Pass::Bytes(&bytes[..start]),
                None => {}
            },
            // This is the answer: there is nothing left to go on with.
            GoOn::Held { .. } => go_on.set(GoOn::NotAsked),
        }
        match bare_answer(bytes) {
            None => Pass::Bytes(bytes),
            Some(Bare { start: 0, status, date }) => {
                Pass::Instead(Instead { bytes: problem_document(status, date), sent: 0 })
            }
            Some(Bare { start, .. }) => Pass::Bytes(&bytes[..start]),
        }
    }

    /// Sends the sign to go on, if it was held back and is wanted. Everything before it was sent, so there is room.
    pub(super) fn poll_go_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.connection.0.go_on.get() == (GoOn::Held { wanted: true }) {
            let sent = ready!(self.poll_send(cx, GO_ON))?;
            self.connection.0.go_on.set(GoOn::NotAsked);
            if sent < GO_ON.len() {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// An answer that no route gave.
struct Bare<'a> {
    /// Where it begins.
    start: usize,
    status: u16,
    date: &'a str,
}

/// The bare answer that these bytes end with, if they do. It is the last one of its connection. Those of routes have
/// the name of their request.
fn bare_answer(bytes: &[u8]) -> Option<Bare<'_>> {
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let tail = bytes.len().saturating_sub(MOST_BARE);
    let start = tail + bytes[tail..].windows(9).rposition(|window| window == b"HTTP/1.1 ")?;
    let head = std::str::from_utf8(&bytes[start..]).ok()?;
    let status = head.get(9..12)?.parse().ok().filter(|status| *status >= 400)?;
    let mut lines = head.lines().skip(1);
    let is_bare = lines.clone().any(|line| line == "content-length: 0")
        && !lines.clone().any(|line| line.starts_with("x-request-id"));
    let date = lines.find_map(|line| line.strip_prefix("date: "))?;
    is_bare.then_some(Bare { start, status, date })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The whole answer, as it is sent.
fn problem_document(status: u16, date: &str) -> Vec<u8> {
    let problem = match StatusCode::from_u16(status) {
        Ok(StatusCode::REQUEST_TIMEOUT) => Problem::request_timeout(),
        Ok(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE) => Problem::usual(HttpCode::HeadTooLarge),
        Ok(status) if status.is_client_error() => Problem::malformed("this can't be read as a request"),
        _ => Problem::internal(),
    };
    let request_id = request_id::new();
    info!(request_id, status, "refused what is no request");
    let mut response = problem.render("", &request_id, None);
    add_headers(response.headers_mut(), &request_id);
    let status = response.status();
    let mut answer = format!("HTTP/1.1 {status}\r\ndate: {date}\r\nconnection: close\r\n").into_bytes();
    let mut line = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            answer.extend_from_slice(part);
        }
    };
    for (name, value) in response.headers() {
        line(name.as_str().as_bytes(), value.as_bytes());
    }
    let body = response.into_body().try_into_bytes().unwrap_or_default();
    line(header::CONTENT_LENGTH.as_str().as_bytes(), body.len().to_string().as_bytes());
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&body);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &str =
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\ndate: D\r\n\r\n";

    fn found(text: &str) -> Option<(usize, u16)> {
        bare_answer(text.as_bytes()).map(|bare| (bare.start, bare.status))
    }

    #[test]
    fn a_bare_answer_is_found_behind_others() {
        assert_eq!(found(BARE), Some((0, 400)));
        assert_eq!(
            found(&format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{{}}{BARE}")),
            Some((40, 400))
        );
    }

    #[test]
    fn answers_of_routes_are_not_bare() {
        for ours in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nx-request-id: a\r\ndate: D\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 7\r\ndate: D\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 0\r\ndate: D\r\n\r\n",
            "0\r\n\r\n",
            "{}",
            "",
        ] {
            assert_eq!(found(ours), None, "{ours}");
        }
    }
}
