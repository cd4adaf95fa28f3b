//! The events of the log: as pages, or as they are appended.

use std::sync::Arc;

use daybook_core::{
    live::{Broken, Farewell, Follower, Said},
    reads,
};
use daybook_domain::{
    Position, Record,
    published::{Published, publish},
};
use daybook_http::{context, live, problem::Problem, routes::events};
use daybook_projections::Selection;
use daybook_rpc::{answers::Watched, caller::peer};
use futures::stream;
use tonic::{Request, Response, Status};
use url::form_urlencoded::Serializer;

use crate::{
    desk::{Caller, Desk},
    protocol::v1::{
        Event, FollowEventsRequest, FollowEventsResponse, ListEventsRequest, ListEventsResponse,
        event_service_server::EventService, follow_events_response,
    },
    status, time,
};

const USUAL_PAGE: u16 = 20;
const LARGEST_PAGE: u16 = 100;

pub struct Events(pub Desk);

#[tonic::async_trait]
impl EventService for Events {
    type FollowEventsStream = Watched<FollowEventsResponse>;

    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let (metadata, extensions, request) = request.into_parts();
        let caller = self.0.admit(&metadata, &extensions).await?;
        let page = self.page(&caller, &request).await;
        page.map(Response::new).map_err(|problem| self.0.refuse(&caller, &extensions, &problem))
    }

    async fn follow_events(
        &self,
        request: Request<FollowEventsRequest>,
    ) -> Result<Response<Self::FollowEventsStream>, Status> {
        let (metadata, extensions, request) = request.into_parts();
        let caller = self.0.admit(&metadata, &extensions).await?;
        let follower = self.follow(&caller, &request).await;
        let follower = follower.map_err(|problem| self.0.refuse(&caller, &extensions, &problem))?;
        let request_id = caller.context.request_id.clone();
        let answer = stream::unfold((follower, request_id), |(mut follower, request_id)| async {
            loop {
                let told = match follower.next().await? {
                    Ok(said) => tell(said).transpose(),
                    Err(broken) => Some(Err(End::Broken(broken))),
                };
                if let Some(told) = told {
                    return Some((told.map_err(|end| end.told(&request_id)), (follower, request_id)));
                }
            }
        });
        Ok(Response::new(peer(&extensions).answers.watch(Box::pin(answer))))
    }
}

impl Events {
    async fn page(
        &self,
        caller: &Caller,
        request: &ListEventsRequest,
    ) -> Result<ListEventsResponse, Problem> {
        let app = &self.0.app;
        reads::Events::ACCESS.admit(caller.context.actor.as_deref())?;
        let ListEventsRequest { after, page_size, types, stream } = request;
        let limit = match page_size {
            0 => USUAL_PAGE,
            size => u16::try_from(*size).ok().filter(|size| (1..=LARGEST_PAGE).contains(size)).ok_or_else(
                || Problem::malformed(format!("page_size is 1 to {LARGEST_PAGE}, or 0 for {USUAL_PAGE}")),
            )?,
        };
        let selection = selection(*after, types, stream.as_deref())?;
        let (head, selected) = events::page(app, caller.context.deadline, selection, limit).await?;
        let events = selected.records.iter().map(event).collect();
        Ok(ListEventsResponse { events, has_more: selected.more, position: head.0 })
    }

    async fn follow(&self, caller: &Caller, request: &FollowEventsRequest) -> Result<Follower, Problem> {
        let app = &self.0.app;
        let actor = caller.context.actor.as_deref();
        reads::Events::ACCESS.admit(actor)?;
        let selection = selection(request.after, &request.types, request.stream.as_deref())?;
        let (Some(actor), Some(token)) = (actor, &caller.token) else {
            return Err(Problem::unauthenticated());
        };
        let head = context::in_time(caller.context.deadline, app.log.head()).await?;
        live::reached(selection.after, head)?;
        let place = app.live.places.take(&actor.subject)?;
        let selection = Selection { limit: i64::MAX, ..selection };
        Ok(Follower::new(Arc::clone(app), token.clone(), selection, place))
    }
}

/// What the parameters of `GET /v1/events` would choose.
fn selection(after: i64, types: &[String], stream: Option<&str>) -> Result<Selection, Problem> {
    let mut query = Serializer::new(String::new());
    query.append_pair("after", &after.to_string());
    if !types.is_empty() {
        query.append_pair("types", &types.join(","));
    }
    if let Some(stream) = stream {
        query.append_pair("stream", stream);
    }
    events::selection(&query.finish())
}

/// Why the events end.
enum End {
    Farewell(Farewell),
    Broken(Broken),
}

impl End {
    fn told(&self, request_id: &str) -> Status {
        let problem = match self {
            Self::Farewell(Farewell::Draining | Farewell::TokenUnknown) | Self::Broken(Broken::Unread) => {
                Problem::unavailable()
            }
            Self::Farewell(Farewell::TokenEnded) => Problem::invalid_token(),
            Self::Broken(cut @ Broken::CutOff) => return Status::aborted(cut.to_string()),
        };
        status::of(&problem, request_id)
    }
}

/// What a follower says, as a message; `None` if it is nothing that clients are told.
fn tell(said: Said) -> Result<Option<FollowEventsResponse>, End> {
    use follow_events_response::Said as Told;
    let told = match said {
        Said::Welcome | Said::StillHere(None) => return Ok(None),
        Said::Event(record) => Told::Event(event(&record)),
        Said::StillHere(Some(Position(position))) => Told::Position(position),
        Said::CaughtUp(Position(position)) => Told::CaughtUp(position),
        Said::Farewell(why) => return Err(End::Farewell(why)),
    };
    Ok(Some(FollowEventsResponse { said: Some(told) }))
}

fn event(record: &Record) -> Event {
    let published = publish(record);
    let Published { position, event_id, stream, sequence, r#type, version, payload, metadata, recorded_at } =
        published;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Event {
        position: position.0,
        event_id: event_id.to_string(),
        stream,
        sequence,
        r#type: r#type.to_owned(),
        version: version.into(),
        payload: payload.get().to_owned(),
        metadata: metadata.into_iter().map(owned).collect(),
        recorded_at: Some(time::of(recorded_at)),
    }
}
