//! The log followed live, as Server-Sent Events (WHATWG HTML, section 9.2).

mod frame;

use std::io;

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
};
use daybook_core::live::{CutOff, Follower, NoPlace};
use daybook_domain::Position;
use daybook_projections::Selection;
use futures::stream;

use super::{
    answer::{self, Answer},
    arrived::Arrived,
    context,
    problem::Problem,
};
use crate::caller::presented_token;

pub const MEDIA_TYPE: &str = "text/event-stream";

/// When it is worth coming again, s. A client that left without a word is noticed a little after the next
/// heartbeat.
const COME_AGAIN_S: u64 = 15;

/// So that proxies in front of us pass events on as they come.
const NOT_BUFFERED: (HeaderName, HeaderValue) =
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

/// Answers with what `selection` chooses. `Last-Event-ID` is over its `after`: a client that comes back
/// repeats the address that it began with.
pub async fn follow(arrived: Arrived, mut selection: Selection) -> Answer {
    let Arrived { app, request, context, .. } = &arrived;
    if let Some(last) = context::last_event_id(request.headers())? {
        selection.after = last;
    }
    let head = context::in_time(context.deadline, app.log.head()).await?;
    reached(selection.after, head)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, MEDIA_TYPE))
        .insert_header(NOT_BUFFERED)
        .insert_header((answer::DAYBOOK_POSITION, head.0));
    if request.method() == Method::HEAD {
        return Ok(response.finish());
    }
    let token = presented_token(request.headers())?.ok_or_else(Problem::unauthenticated)?.to_owned();
    let place = app.live.places.take(&arrived.actor().ok_or_else(Problem::unauthenticated)?.subject)?;
    let follower = Follower::new(app.clone().into_inner(), token, selection, place);
    let events = stream::unfold(follower, |mut follower| async {
        loop {
            // The client of a log that was cut off sees that it didn't end well, and is told why when it comes back.
            let next = follower.next().await?.map_err(|CutOff| io::Error::other("the log was cut off"));
            if let Some(frame) = next.map(frame::frame).transpose() {
                return Some((frame, follower));
            }
        }
    });
    Ok(response.streaming(Box::pin(events)))
}
