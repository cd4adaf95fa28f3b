//! What happened to a thing: its stream, as pages of changes. It comes from the log itself, which is never
//! behind.

use chrono::{DateTime, Utc};
use daybook_domain::{Decider, Position, Record, published::publish, sealed::Sealed};
use daybook_projections::{BadCursor, Cursor, QueryError, read_models::Place};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout_at;
use utoipa::ToSchema;

use super::{
    access::Visible,
    error::ReadError,
    found::{Beside, Found},
    read::{Item, Scope},
    turn::Turn,
};
use crate::vault::Keys;

/// What the names of members begin with that are notes, sealed.
const SEALED_NOTE: &str = "sealed_";
/// The members that say why something was done.
const WHY: [&str; 2] = ["reason", "override_reason"];

/// Which part of a history.
#[derive(Debug)]
pub struct Part {
    /// 1–100.
    pub limit: u16,
    pub turn: Turn,
}

/// A part of a stream, by sequences, which have no gaps.
struct Stretch {
    behind: i64,
    limit: usize,
    /// It ends there, if it must not end before.
    until: Option<i64>,
}

/// What happened, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    #[schema(max_items = 100)]
    pub data: Vec<Change>,
    pub has_more: bool,
    /// Send this as `after` to get the next page.
    #[schema(required, pattern = "^[A-Za-z0-9_-]+$", max_length = 256, examples("b3JkZXIucGFnZQ"))]
    pub next: Option<String>,
    /// Send this as `before` to get the page before. The first page has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[A-Za-z0-9_-]+$", max_length = 256, examples("b3JkZXIucGFnZQ"))]
    pub prev: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// The version that the thing had then.
    #[schema(minimum = 1)]
    pub version: i64,
    #[schema(minimum = 1)]
    pub position: i64,
    pub at: DateTime<Utc>,
    /// The type of the event.
    #[schema(pattern = "^[A-Z][A-Za-z]*$", max_length = 100, examples("OrderPlaced"))]
    pub what: String,
    /// The subject of the person or program that did it. Of what others did, customers are told neither who, nor why,
    /// nor by which request.
    #[schema(required, examples("alice"))]
    pub who: Option<String>,
    #[schema(required, pattern = "^[A-Za-z0-9_.:-]+$", max_length = 128, examples("checkout-7f3a"))]
    pub request_id: Option<String>,
    /// The reason that was given, if there was one, and it is not erased.
    #[schema(required, max_length = 500)]
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
        let Stretch { behind, limit, until } = part.stretch(&list)?;
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
            let (mut behind, mut limit) = (behind, limit);
            loop {
                let page = log.stream_page(D::KIND, key, behind, end, limit).await?;
                let Some(last) = page.records.last().map(|last| last.sequence) else {
                    return Ok((head, page));
                };
                // A page before another ends where that one begins, also where events are large.
                match until {
                    Some(wanted) if last < wanted && page.more => {
                        limit = usize::try_from(wanted - last).unwrap_or(0);
                        behind = last;
                    }
                    _ => return Ok((head, page)),
                }
            }
        };
        let late = timeout_at(self.deadline().into(), reading).await;
        let (head, page) = late.unwrap_or_else(|_| Err(QueryError::DeadlineExceeded.into()))?;
        let told = page.records.iter().map(Told::of).collect::<Result<Vec<_>, _>>()?;
        let sealed = told.iter().flat_map(|told| &told.sealed).map(|(_, sealed)| sealed);
        let keys = self.vault().keys(sealed).await?;
        let mut data = told.into_iter().map(|told| told.opened(&keys)).collect::<Result<Vec<_>, _>>()?;
        data.iter_mut().for_each(adapt);
        let last = page.records.last().map(|last| last.sequence);
        let beside = |sequence: i64| Cursor::beside(sequence.to_string()).encode(&list);
        let next = last.filter(|_| page.more).map(beside);
        let prev = page.records.first().map(|first| first.sequence).filter(|first| *first > 1).map(beside);
        // The tag of the last page is the thing's version; a page that is followed by another never changes.
        let tag = format!("{}{}", last.unwrap_or(behind), if page.more { "+" } else { "" });
        let history = History { data, has_more: next.is_some(), next: next.clone(), prev: prev.clone() };
        let rows = page.records.iter().map(|record| beside(record.sequence)).collect();
        Ok(self.fresh(history, Beside { prev, next, rows }, tag, head))
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
    fn stretch(&self, list: &str) -> Result<Stretch, ReadError> {
        let place = self.turn.place(list)?.try_map(|cursor| match cursor.number()? {
            sequence if sequence > 0 => Ok(sequence),
            _ => Err(BadCursor),
        })?;
        let limit = self.limit.into();
        Ok(match place {
            Place::First => Stretch { behind: 0, limit, until: None },
            Place::After(sequence) => Stretch { behind: sequence, limit, until: None },
            Place::Before(sequence) => {
                let until = sequence - 1;
                let behind = (until - i64::from(self.limit)).max(0);
                Stretch { behind, limit: usize::try_from(until - behind).unwrap_or(0), until: Some(until) }
            }
        })
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
}

/// A change before what is sealed of it is opened.
struct Told {
    change: Change,
    /// The notes, by the names of their members.
    sealed: Vec<(String, Sealed)>,
}

impl Told {
    fn of(record: &Record) -> Result<Self, ReadError> {
        // Whatever its version was, clients see one shape.
        let event = publish(record);
        let mut members: Map<String, Value> =
            serde_json::from_str(event.payload.get()).map_err(ReadError::Unshown)?;
        let mut sealed = Vec::new();
        members.retain(|name, value| {
            let Ok(data) = Sealed::deserialize(&*value) else { return true };
            sealed.extend(name.strip_prefix(SEALED_NOTE).map(|name| (name.to_owned(), data)));
            false
        });
        let why = WHY.iter().find_map(|name| members.remove(*name));
        let change = Change {
            version: event.sequence,
            position: event.position.0,
            at: event.recorded_at,
            what: event.r#type.to_owned(),
            who: event.metadata.get("actor").map(|who| (*who).to_owned()),
            request_id: event.metadata.get("request_id").map(|id| (*id).to_owned()),
            why: why.and_then(|why| why.as_str().map(str::to_owned)),
            details: members.into(),
        };
        Ok(Self { change, sealed })
    }

    fn opened(self, keys: &Keys) -> Result<Change, ReadError> {
        let Self { mut change, sealed } = self;
        for (name, note) in sealed {
            match keys.open::<String>(&note)? {
                Some(why) if WHY.contains(&name.as_str()) => change.why = Some(why),
                Some(text) => change.details[name] = text.into(),
                None => {}
            }
        }
        Ok(change)
    }
}
