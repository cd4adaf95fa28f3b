//! What happened to a thing: its stream, as pages of changes. It comes from the log itself, which is never
//! behind.

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use daybook_domain::{Decider, Position, Record};
use daybook_projections::{BadCursor, Cursor, StreamPage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::{self, Answer},
    context,
    params::{Limit, Params},
    problem::Problem,
    schema,
};
use crate::app::App;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    #[serde(default)]
    #[param(value_type = u16, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    after: Option<String>,
}

/// What happened, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = History)]
pub struct View {
    data: Vec<Change>,
    has_more: bool,
    /// To be sent as `after`.
    next: Option<String>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub struct Change {
    /// The version that the thing had then.
    version: i64,
    position: i64,
    at: DateTime<Utc>,
    /// The name of the event.
    what: String,
    /// The subject of who did it.
    pub who: Option<String>,
    request_id: Option<String>,
    /// As they said, if they did.
    why: Option<String>,
    /// The rest of the event; personal data is left out.
    #[schema(value_type = schema::AnyObject)]
    pub details: Value,
}

/// A page of it, and how it began.
pub struct History {
    first: Record,
    page: StreamPage,
    /// Where the page begins.
    behind: i64,
    head: Position,
}

impl History {
    /// 404, if nothing ever happened.
    pub async fn read<D: Decider>(app: &App, id: &str, query: &Params<Page>) -> Result<Self, Problem> {
        let behind = query.params.behind()?;
        let limit = query.params.limit.get().into();
        let reading = async {
            // First, so that the pages have seen it.
            let head = app.log.head().await?;
            let stream = |behind, limit| app.log.stream_page(D::KIND, id, behind, Position(i64::MAX), limit);
            Ok::<_, sqlx::Error>((head, stream(0, 1).await?, stream(behind, limit).await?))
        };
        let (head, first, page) = context::in_time(query.asked("history").deadline, reading).await?;
        let first = first.records.into_iter().next().ok_or_else(Problem::not_found)?;
        Ok(Self { first, page, behind, head })
    }

    /// The event that began it.
    pub fn first(&self) -> &Record {
        &self.first
    }

    /// `adapt` takes out what the caller may not see.
    pub fn answer<D: Decider>(&self, request: &HttpRequest, adapt: impl Fn(&mut Change)) -> Answer {
        let mut data = self.page.records.iter().map(Change::of::<D>).collect::<Result<Vec<_>, Problem>>()?;
        data.iter_mut().for_each(adapt);
        let last = self.page.records.last().map_or(self.behind, |last| last.sequence);
        let has_more = self.page.more;
        // Of the last page it is the thing's version; a page that is followed by another never changes.
        let etag = format!("\"{last}{}\"", if has_more { "+" } else { "" });
        let next = has_more.then(|| Cursor::behind(last.to_string()).encode());
        Ok(answer::fresh(request, &View { data, has_more, next }, etag, self.head))
    }
}

impl Page {
    /// A sequence.
    fn behind(&self) -> Result<i64, BadCursor> {
        let Some(cursor) = &self.after else { return Ok(0) };
        let sequence = Cursor::decode(cursor)?.number()?;
        if sequence > 0 { Ok(sequence) } else { Err(BadCursor) }
    }
}

impl Change {
    fn of<D: Decider>(record: &Record) -> Result<Self, Problem> {
        // Whatever its version was, clients see one shape.
        let today = record.today::<D::Event>().map_err(|_| Problem::internal())?;
        let mut details: Value = serde_json::from_str(&today.payload).map_err(|_| Problem::internal())?;
        let mut why = None;
        if let Some(members) = details.as_object_mut() {
            members.retain(|_, value| value.get("key_id").is_none());
            why = ["reason", "override_reason"].iter().find_map(|name| members.remove(*name));
        }
        Ok(Self {
            version: record.sequence,
            position: record.position.0,
            at: record.recorded_at,
            what: record.event_type.clone(),
            who: record.metadata.get("actor").cloned(),
            request_id: record.metadata.get("request_id").cloned(),
            why: why.and_then(|why| why.as_str().map(str::to_owned)),
            details,
        })
    }
}
