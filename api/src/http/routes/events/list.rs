use std::io;

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use bytes::Bytes;
use daybook_domain::published::{Published, publish};
use daybook_projections::{Selection, Types};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use tracing::warn;
use utoipa::{IntoParams, ToSchema};

use crate::{
    app::App,
    auth::Caller,
    event_line,
    http::{
        answer::{self, Answer},
        context, live,
        params::{self, Limit, Place},
        problem::Problem,
        schema,
    },
    reads::Events,
};

const NDJSON: &str = "application/x-ndjson";
const MAX_TYPES: usize = 50;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// A position: events behind it. `next` of the page before.
    #[serde(default)]
    #[param(value_type = i64, minimum = 0)]
    after: Place,
    /// Of a JSON page; a stream has no limit unless one is named.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<Limit>,
    /// Types of events, with commas between them; `GET /v1/event-types` lists them.
    types: Option<String>,
    /// One stream, such as `order/ord_…`.
    stream: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EventPage)]
pub struct View<'a> {
    #[schema(value_type = Vec<Event>)]
    data: Vec<Published<'a>>,
    has_more: bool,
    /// To be sent as `after`.
    next: Option<String>,
}

/// An event. Personal data in it is sealed. `GET /v1/event-types` says which types there are, and what
/// their payloads have; one of type `Internal` says that something stands at its place, and nothing else.
#[derive(ToSchema)]
pub struct Event {
    pub position: i64,
    pub event_id: uuid::Uuid,
    /// Kind and id: `order/ord_…`.
    pub stream: String,
    /// Place in the stream, from 1.
    pub sequence: i64,
    pub r#type: String,
    /// Version of the payload's shape, from 1, for each type.
    pub version: u16,
    #[schema(value_type = schema::AnyObject)]
    pub payload: (),
    #[schema(value_type = schema::AnyObject)]
    pub metadata: (),
    pub recorded_at: chrono::DateTime<chrono::Utc>,
}

/// Events by position: a page as JSON, all of them as `application/x-ndjson`, or live.
///
/// `text/event-stream` begins behind `after` and then follows the log (Server-Sent Events): `id` is the
/// position, `event` the type, `data` the line of NDJSON. Whoever comes back with `Last-Event-ID` goes on
/// there, without loss or repetition. Comments are signs of life; an `id` alone says that nothing up to
/// there was chosen. It ends with the token, and when the server goes down. A caller who follows too
/// often at the same time gets `rate_limited`, and `overloaded` when too many do.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(Page, ("Last-Event-ID" = Option<i64>, Header,
        description = "Of a live stream: the id of the last event that was received; over `after`")),
    responses((status = 200, description = "A page, a stream of one event a line, or a live stream", content(
        (View = "application/json"), (Event = "application/x-ndjson"), (Event = "text/event-stream"),
    ))),
)]
pub async fn handle(app: web::Data<App>, request: HttpRequest, caller: Caller) -> Answer {
    let form = answer::preferred(&request, &["application/json", NDJSON, live::MEDIA_TYPE])
        .ok_or_else(Problem::not_acceptable)?;
    Events::admit(Some(&caller.0))?;
    let page: Page = params::query(request.query_string())?;
    let selection = page.selection()?;
    if form != "application/json" {
        let limit = page.limit.map_or(i64::MAX, |limit| limit.get().into());
        let selection = Selection { limit, ..selection };
        return match form {
            NDJSON => stream(&app, &request, selection).await,
            _ => live::follow(app, &request, &caller, selection).await,
        };
    }
    let limit = page.limit.unwrap_or_default().get();
    // One more tells whether there are more.
    let selection = Selection { limit: i64::from(limit) + 1, ..selection };
    let reading = async { Ok::<_, sqlx::Error>((app.log.head().await?, app.log.select(&selection).await?)) };
    let (head, mut data) = context::in_time(context::of(&request).deadline, reading).await?;
    let has_more = data.len() > usize::from(limit);
    data.truncate(limit.into());
    let next = data.last().filter(|_| has_more).map(|last| last.position.to_string());
    let view = View { data: data.iter().map(publish).collect(), has_more, next };
    let mut response = answer::json(&view);
    answer::tell_position(&mut response, head);
    Ok(response)
}

/// All that are there now, a line each.
async fn stream(app: &App, request: &HttpRequest, selection: Selection) -> Answer {
    let head = context::in_time(context::of(request).deadline, app.log.head()).await?;
    let (in_flight, _) = app.traffic.enter();
    let lines = app.log.export(Selection { until: Some(head), ..selection }).map(move |record| {
        // The request counts as in work until its last line.
        let _until_the_end = &in_flight;
        match record {
            Ok(record) => Ok(Bytes::from(event_line::public(&record))),
            Err(error) => {
                warn!(%error, "a stream of events broke off");
                // The client sees that it didn't end well, and not why.
                Err(io::Error::other("the log can't be read"))
            }
        }
    });
    let mut response =
        HttpResponse::Ok().insert_header((header::CONTENT_TYPE, NDJSON)).streaming(Box::pin(lines));
    answer::tell_position(&mut response, head);
    Ok(response)
}

impl Page {
    fn selection(&self) -> Result<Selection, Problem> {
        let names: Vec<String> = match &self.types {
            Some(types) => types.split(',').map(str::to_owned).collect(),
            None => vec![],
        };
        let is_name = |name: &String| {
            (1..=100).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        };
        if names.len() > MAX_TYPES || !names.iter().all(is_name) {
            return Err(Problem::malformed("types has 1 to 50 types of events, with commas between them"));
        }
        let types = if names.is_empty() { Types::All } else { Types::Public(names) };
        let stream = match self.stream.as_deref().map(|stream| stream.split_once('/')) {
            None => None,
            Some(Some((kind, id)))
                if !kind.is_empty() && !id.is_empty() && !id.contains('\0') && !kind.contains('\0') =>
            {
                Some((kind.to_owned(), id.to_owned()))
            }
            Some(_) => {
                return Err(Problem::malformed("stream is a kind and an id with a slash between them"));
            }
        };
        Ok(Selection { after: self.after.0, until: None, types, stream, limit: 0 })
    }
}
