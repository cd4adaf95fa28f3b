//! The events of the log: as pages, as a stream of lines, or live.

use std::{sync::Arc, time::Instant};

use actix_web::http::header;
use daybook_core::{
    app::App,
    reads::{Beside, Events},
};
use daybook_domain::{
    Position,
    published::{Published, publish},
};
use daybook_projections::{Selected, Selection, Streams, Types};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::event_types;
use crate::{
    about::{About, Kind},
    answer::{self, Answer},
    arrived::{Arrived, NoQuery},
    asked::{self, Ask, Question, Reply, Said},
    context, live,
    params::{self, Limit, Place},
    problem::Problem,
    route::{Door, JSON, Route, other, refuse_ahead},
};

const FORMS: &[&str] = &["application/json", live::NDJSON, live::MEDIA_TYPE];
const MAX_TYPES: usize = 50;

const ABOUT_EVENTS: &str = "Events by position: a page as JSON, all of them as `application/x-ndjson`, or live. \
    `text/event-stream` begins behind `after` and then follows the log (Server-Sent Events): `id` is the \
    position, `event` the type, `data` the line of NDJSON. A client that comes back with `Last-Event-ID` goes \
    on there, without loss or repetition. Comments are signs of life; an `id` alone says that nothing up to \
    there was chosen. It ends with the token, and when the server goes down; lines break off when the token ends. A \
    caller who has too many streams open, live ones or of lines, gets `rate_limited`, and `overloaded` when too many do.";

const ABOUT_LINES: &str = "Each line is an event in JSON: the schema is that of a line.";
const ABOUT_FRAMES: &str =
    "The `data` of each Server-Sent Event is an event in JSON: the schema is that of the data.";

/// How the two streams begin.
const LINES: &str = "{\"position\":7,\"event_id\":\"019b0000-0000-7000-8000-000000000001\",\
    \"stream\":\"order/ord_019b0000000070008000000000000001\",\"sequence\":2,\"type\":\"OrderConfirmed\",\"version\":1,\
    \"payload\":{},\"metadata\":{},\"recorded_at\":\"2030-01-31T12:00:00Z\"}\n";
const FRAMES: &str =
    "retry: 2000\n: events follow as they are appended\n\nid: 7\nevent: OrderConfirmed\ndata: {}\n\n";

pub fn routes() -> Vec<Route> {
    let events = About::new("events.list", "/v1/events", ABOUT_EVENTS, Kind::Stream)
        .answer::<View<'_>>(200)
        .answer_parts::<Event>(live::NDJSON, ABOUT_LINES, LINES)
        .answer_parts::<Event>(live::MEDIA_TYPE, ABOUT_FRAMES, FRAMES);
    let text = "The types of events that there are, and what their payloads have.";
    let types =
        About::new("events.types", "/v1/event-types", text, Kind::Document).answer::<event_types::View>(200);
    vec![
        other("/v1/events", Door::Access(Events::ACCESS), FORMS, events, |arrived, (), page: Page| {
            list(arrived, page)
        })
        .asked_by(asked()),
        other("/v1/event-types", Door::Open, JSON, types, |arrived, (), NoQuery {}| async move {
            Ok(event_types::show(&arrived.request))
        }),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// A position: only events behind it are sent. `next` of the page before is one.
    #[serde(default)]
    #[param(value_type = i64, minimum = 0)]
    after: Place,
    /// How many events a JSON page has at most; it has fewer if they are large. A stream has no limit unless one is named.
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Option<Limit>,
    /// Types of events, with commas between them; `GET /v1/event-types` lists them.
    #[param(
        pattern = "^[A-Za-z0-9_]{1,100}(,[A-Za-z0-9_]{1,100}){0,49}$",
        max_length = 5049,
        example = "OrderPlaced,OrderShipped"
    )]
    types: Option<String>,
    /// One stream, such as `order/ord_…`.
    #[param(pattern = r"^[^/\x00]+/[^\x00]+$", example = "stock/TEA-earl_grey.1")]
    stream: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EventPage)]
pub struct View<'a> {
    #[schema(value_type = Vec<Event>, max_items = 100)]
    data: Vec<Published<'a>>,
    has_more: bool,
    /// Send this as `after` to get the next page.
    #[schema(required, pattern = "^[0-9]{1,19}$", max_length = 19)]
    next: Option<String>,
}

/// An event. Personal data in it is sealed. `GET /v1/event-types` says which types there are, and what
/// their payloads have. One of type `Internal` only says that there is an event at this position.
#[derive(ToSchema)]
pub struct Event {
    #[schema(minimum = 1)]
    pub position: i64,
    pub event_id: uuid::Uuid,
    /// Kind and id: `order/ord_…`.
    #[schema(pattern = "^[a-z_]+/", examples("order/ord_019b0000000070008000000000000001"))]
    pub stream: String,
    /// Place in the stream, from 1.
    #[schema(minimum = 1)]
    pub sequence: i64,
    #[schema(pattern = "^[A-Z][A-Za-z]*$", max_length = 100, examples("OrderConfirmed"))]
    pub r#type: String,
    /// Version of the payload's shape, from 1, for each type.
    #[schema(minimum = 1)]
    pub version: u16,
    #[schema(value_type = Object)]
    pub payload: (),
    #[schema(value_type = Object)]
    pub metadata: (),
    pub recorded_at: chrono::DateTime<chrono::Utc>,
}

async fn list(arrived: Arrived, page: Page) -> Answer {
    let selection = page.selection()?;
    // It counts for a live stream only, but is never something else than a position.
    context::last_event_id(arrived.request.headers())?;
    match arrived.form {
        "application/json" => show_page(&arrived, selection, page.limit.unwrap_or_default().get()).await,
        form => {
            let limit = page.limit.map_or(i64::MAX, |limit| limit.get().into());
            let selection = Selection { limit, ..selection };
            if form == live::NDJSON {
                live::list(&arrived, selection).await
            } else {
                live::follow(&arrived, selection).await
            }
        }
    }
}

async fn show_page(arrived: &Arrived, selection: Selection, limit: u16) -> Answer {
    let (head, selected) = page(&arrived.app, arrived.context.deadline, selection, limit).await?;
    let view = View::of(&selected);
    let beside = Beside { next: view.next.clone(), ..Beside::default() };
    let links = answer::links(&arrived.request, &beside);
    let mut response = answer::json(&view);
    response.headers_mut().insert(header::LINK, links.try_into().map_err(|_| Problem::internal())?);
    answer::tell_position(&mut response, head);
    Ok(response)
}

/// Where the log ends, and a page of it.
pub async fn page(
    app: &App,
    deadline: Instant,
    selection: Selection,
    limit: u16,
) -> Result<(Position, Selected), Problem> {
    let selection = Selection { limit: limit.into(), ..selection };
    let reading = async { Ok::<_, sqlx::Error>((app.log.head().await?, app.log.select(&selection).await?)) };
    let (head, selected) = context::in_time(deadline, reading).await?;
    live::reached(selection.after, head)?;
    Ok((head, selected))
}

/// What a query string chooses, for interfaces that follow the log.
pub fn selection(query: &str) -> Result<Selection, Problem> {
    params::query::<Page>(query)?.selection()
}

/// A page for other interfaces.
fn asked() -> Ask {
    Arc::new(|question| {
        Box::pin(async move {
            let Said::Read { query, min_position } = &question.said else { return Err(Problem::internal()) };
            let Question { app, context, .. } = &question;
            let asked: Page = params::query(query)?;
            let (selection, limit) = (asked.selection()?, asked.limit.unwrap_or_default().get());
            refuse_ahead(app, *min_position, context.deadline).await?;
            let (position, selected) = page(app, context.deadline, selection, limit).await?;
            let cursors = selected.records.iter().map(|record| record.position.to_string()).collect();
            let view = asked::json(&View::of(&selected));
            Ok(Reply { view, position, replayed: false, cursors: Some(cursors) })
        })
    })
}

impl<'a> View<'a> {
    fn of(Selected { records, more }: &'a Selected) -> Self {
        let next = records.last().filter(|_| *more).map(|last| last.position.to_string());
        Self { data: records.iter().map(publish).collect(), has_more: *more, next }
    }
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
        let streams = match self.stream.as_deref().map(|stream| stream.split_once('/')) {
            None => Streams::All,
            Some(Some((kind, id)))
                if !kind.is_empty() && !id.is_empty() && !id.contains('\0') && !kind.contains('\0') =>
            {
                Streams::One(kind.to_owned(), id.to_owned())
            }
            Some(_) => {
                return Err(Problem::malformed("stream is a kind and an id with a slash between them"));
            }
        };
        Ok(Selection { after: self.after.0, types, streams, ..Selection::default() })
    }
}
