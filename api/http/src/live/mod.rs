//! The log as a stream: live, as Server-Sent Events (WHATWG HTML, section 9.2), or what is there, as lines.

mod frame;

use actix_web::{
    HttpResponse, HttpResponseBuilder,
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
};
use daybook_core::live::{Broken, Follower, NoPlace, Said};
use daybook_domain::Position;
use daybook_projections::Selection;
use futures::stream;

use frame::Piece;

use super::{
    answer::{self, Answer},
    arrived::Arrived,
    context,
    problem::Problem,
};
use crate::caller::presented_token;

pub const MEDIA_TYPE: &str = "text/event-stream";
pub const NDJSON: &str = "application/x-ndjson";

/// When it is worth coming again, s. A client that left without a word is noticed a little after the next
/// heartbeat.
const COME_AGAIN_S: u64 = 15;

/// So that proxies in front of us pass events on as they come.
pub const NOT_BUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

impl From<NoPlace> for Problem {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::OfSubject => Self::rate_limited(COME_AGAIN_S),
            NoPlace::OfProcess => Self::overloaded(),
        }
    }
}

/// A client that is ahead of the log has read another one, whichever form it asks for.
pub fn reached(after: Position, head: Position) -> Result<(), Problem> {
    if after <= head {
        return Ok(());
    }
    Err(Problem::malformed(format!("the log has not come so far: its head is {head}")))
}

/// Answers with what `selection` chooses, from what is there on. `Last-Event-ID` is over its `after`: a client that comes
/// back repeats the address that it began with.
pub async fn follow(arrived: &Arrived, mut selection: Selection) -> Answer {
    if let Some(last) = context::last_event_id(arrived.request.headers())? {
        selection.after = last;
    }
    let (_, mut response) = begin(arrived, &selection, MEDIA_TYPE).await?;
    response.insert_header(NOT_BUFFERED);
    send(arrived, selection, response, frame::frame)
}

/// Answers with what `selection` chooses of what is there, a line each.
pub async fn list(arrived: &Arrived, selection: Selection) -> Answer {
    let (head, response) = begin(arrived, &selection, NDJSON).await?;
    send(arrived, Selection { until: Some(head), ..selection }, response, frame::line)
}

/// The head of the log, and that of the answer.
async fn begin(
    arrived: &Arrived,
    selection: &Selection,
    media_type: &'static str,
) -> Result<(Position, HttpResponseBuilder), Problem> {
    let head = context::in_time(arrived.context.deadline, arrived.app.log.head()).await?;
    reached(selection.after, head)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, media_type))
        .insert_header((answer::DAYBOOK_POSITION, head.0));
    Ok((head, response))
}

/// Sends what a follower says, in pieces that `write` makes of it.
fn send(
    arrived: &Arrived,
    selection: Selection,
    mut response: HttpResponseBuilder,
    write: fn(Result<Said, Broken>) -> Option<Piece>,
) -> Answer {
    let Arrived { app, request, .. } = arrived;
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let token = presented_token(request.headers())?.ok_or_else(Problem::unauthenticated)?.to_owned();
    let place = app.live.places.take(&arrived.actor().ok_or_else(Problem::unauthenticated)?.subject)?;
    let follower = Follower::new(app.clone().into_inner(), token, selection, place);
    let pieces = stream::unfold(follower, move |mut follower| async move {
        loop {
            if let Some(piece) = write(follower.next().await?) {
                return Some((piece, follower));
            }
        }
    });
    Ok(response.streaming(Box::pin(pieces)))
}
