//! Subscriptions: what is asked is answered again and again as the log grows, as Server-Sent Events (graphql-sse, distinct
//! connections). A follower of the log says when, within its bounds and looks at the token.

use std::sync::Arc;

use actix_web::{HttpResponse, http::header};
use bytes::Bytes;
use daybook_core::{
    live::{Farewell, Follower, Said as Heard},
    reads::Events,
};
use daybook_domain::{Position, published::publish};
use daybook_http::{
    answer::{Answer, NO_STORE, tell_position},
    arrived::Arrived,
    asked::json,
    caller::presented_token,
    context::in_time,
    live::{MEDIA_TYPE, NOT_BUFFERED, reached},
    problem::Problem,
    routes::events,
};
use futures::{StreamExt, stream};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::{
    answer::written,
    graph::Graph,
    names::ORDER,
    plan::{Plan, Step},
    run::{Caller, Found, finish, read_named},
    types::{Followed, Source},
};

const GREETING: Bytes = Bytes::from_static(b":\n\n");
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// Follows the log for one client.
struct Live {
    graph: Arc<Graph>,
    caller: Caller,
    plan: Plan,
    follower: Follower,
    followed: Followed,
    /// The version that was told last, of a thing.
    version: Option<i64>,
    /// What is to be said before the log is asked.
    first: Option<Found>,
    is_over: bool,
}

/// One answer, and no more.
pub fn once(body: &[u8]) -> HttpResponse {
    let pieces = [next(body), COMPLETE].map(Ok::<_, std::io::Error>);
    begin().streaming(stream::iter(pieces))
}

/// Answers as long as the client listens.
pub async fn follow(graph: Arc<Graph>, arrived: &Arrived, caller: Caller, plan: Plan) -> Answer {
    let step = plan.steps.first().filter(|_| plan.steps.len() == 1);
    let place = step.and_then(|step| step.place).ok_or_else(one_field)?;
    let Source::Followed(followed) = graph.types.field(place).source else { return Err(one_field()) };
    let step = &plan.steps[0];
    let (begins, first) = match followed {
        Followed::Events => (Events::admit(caller.context.actor.as_deref()).map_err(Problem::from), None),
        // A caller who is shown the order may follow it.
        Followed::Order => match read_named(&graph.types, &caller, ORDER, step.arguments.clone()).await {
            Ok(found) => (Ok(()), Some(found)),
            Err(problem) => (Err(problem), None),
        },
    };
    let request_id = caller.context.request_id.clone();
    if let Err(problem) = begins {
        let executed = finish(&graph.types, &caller, &plan, vec![Err(problem)]).await;
        return Ok(once(&written(executed, &request_id)));
    }
    let head = in_time(caller.context.deadline, caller.app.log.head()).await?;
    let after = first.as_ref().map_or(head, |(_, position)| *position);
    let mut selection = events::selection(&query(step, followed, after))?;
    selection.limit = i64::MAX;
    reached(selection.after, head)?;
    let token = presented_token(arrived.request.headers())?.ok_or_else(Problem::unauthenticated)?.to_owned();
    let actor = caller.context.actor.as_ref().ok_or_else(Problem::unauthenticated)?;
    let room = caller.app.live.places.take(&actor.subject)?;
    let follower = Follower::new(caller.app.clone(), token, selection, room);
    let live = Live { graph, caller, plan, follower, followed, version: None, first, is_over: false };
    let pieces = stream::unfold(live, |mut live| async move {
        loop {
            if let Some(piece) = live.next().await? {
                return Some((piece, live));
            }
        }
    });
    let mut response = begin();
    let mut response = response.streaming(pieces.map(Ok::<_, std::io::Error>).boxed_local());
    tell_position(&mut response, head);
    Ok(response)
}

fn one_field() -> Problem {
    Problem::malformed("a subscription has one field of the root")
}

fn begin() -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, MEDIA_TYPE))
        .insert_header(NO_STORE)
        .insert_header(NOT_BUFFERED);
    response
}

/// What is followed, as the query string of the events would say it.
fn query(step: &Step, followed: Followed, after: Position) -> String {
    let text = |name: &str| step.arguments.get(name).and_then(Value::as_str);
    let mut query = Serializer::new(String::new());
    match followed {
        Followed::Order => {
            query.append_pair("stream", &format!("order/{}", text("id").unwrap_or_default()));
            query.append_pair("after", &after.to_string());
        }
        Followed::Events => {
            query.append_pair("after", text("after").unwrap_or(&after.to_string()));
            for name in ["types", "stream"] {
                text(name).map(|value| query.append_pair(name, value));
            }
        }
    }
    query.finish()
}

impl Live {
    /// The next piece, if there is something to say; `None` is the end.
    async fn next(&mut self) -> Option<Option<Bytes>> {
        if self.is_over {
            return None;
        }
        if let Some(found) = self.first.take() {
            return Some(self.tell(Ok(found)).await);
        }
        match self.follower.next().await? {
            Ok(Heard::Welcome | Heard::StillHere(_)) => Some(Some(GREETING)),
            Ok(Heard::CaughtUp(_)) => Some(None),
            Ok(Heard::Event(record)) => {
                let found = match self.followed {
                    Followed::Events => Ok((json(&publish(&record)), record.position)),
                    Followed::Order => self.order(record.position).await,
                };
                Some(self.tell(found).await)
            }
            Ok(Heard::Farewell(Farewell::TokenEnded)) => {
                let last = self.tell(Err(Problem::unauthenticated())).await;
                Some(last)
            }
            // It ends without the word that it is complete, so its client comes back.
            Ok(Heard::Farewell(Farewell::Draining | Farewell::TokenUnknown)) | Err(_) => None,
        }
    }

    async fn order(&self, position: Position) -> Result<Found, Problem> {
        let mut arguments = self.plan.steps[0].arguments.clone();
        arguments.insert("min_position".into(), position.0.into());
        // A request has a deadline, and this is one that has none.
        let caller = self.caller.anew();
        read_named(&self.graph.types, &caller, ORDER, arguments).await
    }

    /// A piece that tells it, unless it was told already. What can't be told is the last piece.
    async fn tell(&mut self, found: Result<Found, Problem>) -> Option<Bytes> {
        if let (Followed::Order, Ok((view, _))) = (self.followed, &found) {
            let version = view["version"].as_i64();
            if std::mem::replace(&mut self.version, version) == version {
                return None;
            }
        }
        self.is_over = found.is_err();
        let caller = self.caller.anew();
        let executed = finish(&self.graph.types, &caller, &self.plan, vec![found]).await;
        let piece = next(&written(executed, &self.caller.context.request_id));
        Some(if self.is_over { [piece, COMPLETE].concat().into() } else { piece })
    }
}

/// An answer as an event.
fn next(body: &[u8]) -> Bytes {
    [b"event: next\ndata: ".as_slice(), body, b"\n\n"].concat().into()
}
