//! The log followed live, as Server-Sent Events (WHATWG HTML, section 9.2). A stream begins with the events
//! behind the client's position and goes on with those that are appended, until the client leaves, its token
//! ends, or the process does. A follower reads at most one page of the log ahead of its client.

mod follower;
mod frame;
mod hub;
mod places;

use actix_web::{
    HttpResponse,
    http::{
        Method,
        header::{self, HeaderName, HeaderValue},
    },
};
use daybook_projections::Selection;
use futures::stream;

use self::follower::Follower;
use super::{
    answer::{self, Answer},
    arrived::Arrived,
    context,
    problem::Problem,
};
use crate::auth::caller::presented_token;

pub use hub::Live;

pub const MEDIA_TYPE: &str = "text/event-stream";

/// So that proxies in front of us pass events on as they come.
const NOT_BUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// Answers with what `selection` chooses. `Last-Event-ID` is over its `after`: a client that comes back
/// repeats the address that it began with.
pub async fn follow(arrived: Arrived, mut selection: Selection) -> Answer {
    let Arrived { app, request, context, .. } = &arrived;
    if let Some(last) = context::last_event_id(request.headers())? {
        selection.after = last;
    }
    let head = context::in_time(context.deadline, app.log.head()).await?;
    if selection.after > head {
        return Err(Problem::malformed(format!("the log has not come so far: its head is {head}")));
    }
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
    let follower = Follower::new(app.clone(), token, selection, place);
    let events = stream::unfold(follower, |mut follower| async {
        let next = follower.next().await?;
        Some((next, follower))
    });
    Ok(response.streaming(Box::pin(events)))
}
