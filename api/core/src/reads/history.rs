//! What happened to a thing: its stream, as pages of changes. It comes from the log itself, which is never
//! behind.

use chrono::{DateTime, Utc};
use daybook_domain::{Decider, Position, Record, published::publish};
use daybook_projections::{BadCursor, Cursor, QueryError};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout_at;
use utoipa::ToSchema;

use super::{
    access::Visible,
    error::ReadError,
    found::Found,
    read::{Item, Scope},
};

/// Which part of a history.
#[derive(Debug)]
pub struct Part {
    /// 1–100.
    pub limit: u16,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// What happened, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    pub data: Vec<Change>,
    pub has_more: bool,
    /// Send this as `after` to get the next page.
    pub next: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// The version that the thing had then.
    pub version: i64,
    pub position: i64,
    pub at: DateTime<Utc>,
    /// The type of the event.
    pub what: String,
    /// The subject of the person or program that did it. Of what others did, customers are told neither who, nor why,
    /// nor by which request.
    pub who: Option<String>,
    pub request_id: Option<String>,
    /// The reason that was given, if there was one.
    pub why: Option<String>,
    /// The rest of the event; personal data is left out.
    #[schema(value_type = Object)]
    pub details: Value,
}

impl Scope<'_> {
    /// A part of what happened to the thing with that key. `adapt` takes out what the caller is not shown.
    pub async fn history<I: Item, D: Decider>(
        &self,
        key: &str,
        part: &Part,
        adapt: impl Fn(&mut Change),
    ) -> Result<Found<History>, ReadError> {
        let list = format!("{}/{key}", self.name());
        let behind = part.behind(&list)?;
        let (log, end) = (self.log(), Position(i64::MAX));
        let reading = async {
            // First, so that the pages have seen it.
            let head = log.head().await?;
            if self.min_position().is_some_and(|position| position > head) {
                return Err(QueryError::Ahead { head }.into());
            }
            if !self.shows_stream_of::<I, D>(key).await? {
                return Err(ReadError::NotFound);
            }
            Ok((head, log.stream_page(D::KIND, key, behind, end, part.limit.into()).await?))
        };
        let late = timeout_at(self.deadline().into(), reading).await;
        let (head, page) = late.unwrap_or_else(|_| Err(QueryError::DeadlineExceeded.into()))?;
        let mut data = page.records.iter().map(Change::of).collect::<Result<Vec<_>, _>>()?;
        data.iter_mut().for_each(adapt);
        let last = page.records.last().map_or(behind, |last| last.sequence);
        let next = page.more.then(|| Cursor::behind(last.to_string()).encode(&list));
        // The tag of the last page is the thing's version; a page that is followed by another never changes.
        let tag = format!("{last}{}", if page.more { "+" } else { "" });
        let history = History { data, has_more: page.more, next: next.clone() };
        Ok(self.fresh(history, next, tag, head))
    }

    /// Whether anything ever happened there, and the caller is shown it.
    async fn shows_stream_of<I: Item, D: Decider>(&self, key: &str) -> Result<bool, ReadError> {
        if self.visible() == Visible::All {
            let begun = self.log().stream_page(D::KIND, key, 0, Position(i64::MAX), 1).await?;
            return Ok(!begun.records.is_empty());
        }
        let row = self.queries().row_by_log::<I::Model>(key).await?;
        Ok(row.is_some_and(|row| self.visible().shows(&I::owner(&row))))
    }
}

impl Part {
    /// The sequence behind which it begins.
    fn behind(&self, list: &str) -> Result<i64, BadCursor> {
        let Some(cursor) = &self.after else { return Ok(0) };
        let sequence = Cursor::decode(list, cursor)?.number()?;
        if sequence > 0 { Ok(sequence) } else { Err(BadCursor) }
    }
}

impl Change {
    /// Takes out what is internal, if it was not this customer who did it.
    pub(super) fn keep_to_customer(&mut self, subject: &str) {
        if self.who.as_deref() == Some(subject) {
            return;
        }
        (self.who, self.request_id, self.why) = (None, None, None);
        if let Some(members) = self.details.as_object_mut() {
            members.remove("metadata");
        }
    }

    fn of(record: &Record) -> Result<Self, ReadError> {
        // Whatever its version was, clients see one shape.
        let event = publish(record);
        let mut details: Value = serde_json::from_str(event.payload.get()).map_err(ReadError::Unshown)?;
        let mut why = None;
        if let Some(members) = details.as_object_mut() {
            members.retain(|_, value| value.get("key_id").is_none());
            why = ["reason", "override_reason"].iter().find_map(|name| members.remove(*name));
        }
        Ok(Self {
            version: event.sequence,
            position: event.position.0,
            at: event.recorded_at,
            what: event.r#type.to_owned(),
            who: event.metadata.get("actor").map(|who| (*who).to_owned()),
            request_id: event.metadata.get("request_id").map(|id| (*id).to_owned()),
            why: why.and_then(|why| why.as_str().map(str::to_owned)),
            details,
        })
    }
}
