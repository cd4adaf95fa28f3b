//! Reads the log: pages by position to catch up, one stream by sequence, and exports of any size.

use chrono::{DateTime, Utc};
use daybook_domain::{Position, Record};
use daybook_migrations::{RECORD_COLUMNS, record};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use sqlx::{PgExecutor, PgPool, postgres::PgRow};
use uuid::Uuid;

use crate::selection::{Selection, Streams};

/// Longer streams are not read at once: a reader that needs one folds it page by page.
pub const MAX_STREAM_EVENTS: i64 = 100_000;
/// How many places of the log one statement looks at, so that a filter which lets little through
/// doesn't make one statement read the whole log.
const WINDOW: i64 = 50_000;
const EXPORT_PAGE: i64 = 200;
/// How many places one statement looks at where only the events themselves tell whether they match.
const LOOK_ROWS: i64 = 1_000;
/// A page of one look ends when its payloads come to this much, because a slow reader keeps one in memory.
const LOOK_BYTES: usize = 256 << 10;
/// What is selected at once ends when its payloads come to this much.
const SELECTED_BYTES: usize = 512 << 10;
/// A page ends when its payloads come to this much: a thousand large orders would not fit anywhere.
pub(crate) const PAGE_BYTES: usize = 16 << 20;

/// The log, for reading. A cheap handle.
#[derive(Debug, Clone)]
pub struct Log {
    pool: PgPool,
}

/// What one statement found.
#[derive(Debug)]
pub struct Look {
    pub records: Vec<Record>,
    /// No other events than `records` match up to and including this place, or down to it.
    pub through: Position,
}

struct Found {
    records: Vec<Record>,
    /// The last place that was looked at, if there may be more behind it.
    full_at: Option<Position>,
}

/// Records that match, by position.
#[derive(Debug)]
pub struct Selected {
    pub records: Vec<Record>,
    /// Others follow.
    pub more: bool,
}

/// A part of one stream.
#[derive(Debug)]
pub struct StreamPage {
    pub records: Vec<Record>,
    /// The stream goes on behind it.
    pub more: bool,
}

impl Log {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Who caused events of these names in streams of one kind: stream, name and actor of each.
    pub async fn actors(
        &self,
        kind: &str,
        ids: &[&str],
        names: &[&str],
    ) -> Result<Vec<(String, String, Option<String>)>, sqlx::Error> {
        sqlx::query_as(
            "SELECT aggregate_id, event_type, metadata->>'actor' FROM events
              WHERE aggregate_type = $1 AND aggregate_id = ANY($2) AND event_type = ANY($3)",
        )
        .bind(kind)
        .bind(ids)
        .bind(names)
        .fetch_all(&self.pool)
        .await
    }

    /// The last position, 0 of an empty log.
    pub async fn head(&self) -> Result<Position, sqlx::Error> {
        head(&self.pool).await
    }

    /// Which event is at `position`, if any.
    pub async fn event_id(&self, position: Position) -> Result<Option<Uuid>, sqlx::Error> {
        sqlx::query_scalar("SELECT event_id FROM events WHERE position = $1")
            .bind(position.0)
            .fetch_optional(&self.pool)
            .await
    }

    /// The next records behind `position`: at most `limit`, and fewer if they are large.
    pub async fn after(&self, position: Position, limit: i64) -> Result<Vec<Record>, sqlx::Error> {
        let limit = usize::try_from(limit).unwrap_or(0);
        Ok(page(&self.pool, position, limit).await?.records)
    }

    /// One stream by sequence, as it was at `up_to` (today, if `None`). A stream of more than
    /// [`MAX_STREAM_EVENTS`] is an error, not a part of it.
    pub async fn stream(
        &self,
        kind: &str,
        id: &str,
        up_to: Option<Position>,
    ) -> Result<Vec<Record>, sqlx::Error> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM events
              WHERE aggregate_type = $1 AND aggregate_id = $2 AND position <= $3
              ORDER BY sequence LIMIT $4"
        );
        let rows = sqlx::query(&sql)
            .bind(kind)
            .bind(id)
            .bind(up_to.map_or(i64::MAX, |position| position.0))
            .bind(MAX_STREAM_EVENTS + 1)
            .fetch_all(&self.pool)
            .await?;
        if i64::try_from(rows.len()).is_ok_and(|count| count > MAX_STREAM_EVENTS) {
            return Err(sqlx::Error::Protocol(format!(
                "stream {kind}/{id} has more than {MAX_STREAM_EVENTS} events"
            )));
        }
        records(&rows)
    }

    /// The next records of one stream behind `sequence`, none of them behind `up_to`: at most `limit`, and
    /// fewer if they are large.
    pub async fn stream_page(
        &self,
        kind: &str,
        id: &str,
        sequence: i64,
        up_to: Position,
        limit: usize,
    ) -> Result<StreamPage, sqlx::Error> {
        // The position is looked at here: as a condition, the database would read the rest of a long
        // stream in search of more.
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM events
              WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence > $3
              ORDER BY sequence LIMIT $4"
        );
        let one_more = i64::try_from(limit).unwrap_or(i64::MAX - 1) + 1;
        let query = sqlx::query(&sql).bind(kind).bind(id).bind(sequence).bind(one_more);
        let mut rows = query.fetch(&self.pool);
        let (mut records, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            let record = record(&row)?;
            if record.position > up_to {
                break;
            }
            if records.len() == limit || bytes >= LOOK_BYTES {
                return Ok(StreamPage { records, more: true });
            }
            bytes += record.payload.get().len();
            records.push(record);
        }
        Ok(StreamPage { records, more: false })
    }

    /// Sequence and position of the last event of a stream whose sequence is `up_to` or less.
    pub async fn last_of(
        &self,
        kind: &str,
        id: &str,
        up_to: i64,
    ) -> Result<Option<(i64, Position)>, sqlx::Error> {
        let last: Option<(i64, i64)> = sqlx::query_as(
            "SELECT sequence, position FROM events
              WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence <= $3
              ORDER BY sequence DESC LIMIT 1",
        )
        .bind(kind)
        .bind(id)
        .bind(up_to)
        .fetch_optional(&self.pool)
        .await?;
        Ok(last.map(|(sequence, position)| (sequence, Position(position))))
    }

    /// Whether there is a stream of this kind.
    pub async fn has_kind(&self, kind: &str) -> Result<bool, sqlx::Error> {
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM events WHERE aggregate_type = $1)")
            .bind(kind)
            .fetch_one(&self.pool)
            .await
    }

    /// The place of the last event that was recorded at `time` or before. Times never go back from one
    /// place to the next, so halving finds it: thirty places of a thousand million are looked at.
    pub async fn position_at(&self, time: DateTime<Utc>) -> Result<Position, sqlx::Error> {
        sqlx::query_scalar(
            "WITH RECURSIVE search(low, high) AS (
                 SELECT 0::bigint, (SELECT coalesce(max(position), 0) FROM events)
                 UNION ALL
                 SELECT CASE WHEN happened THEN middle ELSE low END,
                        CASE WHEN happened THEN high ELSE middle - 1 END
                   FROM (SELECT low, high, middle,
                                (SELECT recorded_at <= $1 FROM events WHERE position = middle) AS happened
                           FROM (SELECT low, high, low + (high - low + 1) / 2 AS middle
                                   FROM search WHERE low < high) halves) halved)
             SELECT low FROM search WHERE low >= high",
        )
        .bind(time)
        .fetch_one(&self.pool)
        .await
        .map(Position)
    }

    /// The first records that match, by position: at most `selection.limit`, and fewer if they are large.
    pub async fn select(&self, selection: &Selection) -> Result<Selected, sqlx::Error> {
        let head = self.head().await?;
        let end = selection.until.map_or(head, |until| until.min(head));
        let mut rest = selection.clone();
        let (mut records, mut bytes) = (Vec::new(), 0);
        while rest.after < end {
            let is_full = rest.limit <= 0 || bytes >= SELECTED_BYTES;
            // One more tells whether there are others.
            let wanted = if is_full { 1 } else { rest.limit };
            let look = self.look(&Selection { limit: wanted, ..rest.clone() }, end).await?;
            look.leave_the_rest(&mut rest);
            if is_full && !look.records.is_empty() {
                return Ok(Selected { records, more: true });
            }
            bytes += look.records.iter().map(|record| record.payload.get().len()).sum::<usize>();
            records.extend(look.records);
        }
        Ok(Selected { records, more: false })
    }

    /// What the next places of the log have that matches: at most `selection.limit` records, and fewer
    /// if they are large. `end` is not behind the head of the log.
    pub async fn look(&self, selection: &Selection, end: Position) -> Result<Look, sqlx::Error> {
        let (after, last) = (selection.after, selection.until.map_or(end, |until| until.min(end)));
        let (after, last) = match (&selection.streams, selection.backwards) {
            // One stream is found by its key, so the whole of it is one window.
            (Streams::One(..), _) => (after, last),
            (_, false) => (after, last.min(Position(after.0.saturating_add(WINDOW)))),
            (_, true) => (after.max(Position(last.0 - WINDOW)), last),
        };
        let found = self.find(selection, (after, last)).await?;
        let whole = if selection.backwards { after.next() } else { last };
        Ok(Look { records: found.records, through: found.full_at.unwrap_or(whole) })
    }

    /// What matches behind the first of two places, up to and including the second one.
    async fn find(
        &self,
        selection: &Selection,
        (after, last): (Position, Position),
    ) -> Result<Found, sqlx::Error> {
        let sql = statement(selection);
        let limit = selection.limit.max(0);
        let rows_limit = if selection.is_loose() && limit > 0 { limit.max(LOOK_ROWS) } else { limit };
        let names = selection.stored_names();
        let mut query = sqlx::query(&sql).bind(after.0).bind(last.0).bind(names).bind(rows_limit);
        query = match &selection.streams {
            Streams::All | Streams::Chosen(_) => query,
            Streams::One(kind, id) => query.bind(kind).bind(id),
            Streams::OfKind(kind) => query.bind(kind),
            Streams::Prefixed(prefixes) => query.bind(prefixes),
        };
        let mut rows = query.fetch(&self.pool);
        let (mut records, mut bytes, mut seen) = (Vec::new(), 0, 0);
        while let Some(row) = rows.try_next().await? {
            let record = record(&row)?;
            (bytes, seen) = (bytes + record.payload.get().len(), seen + 1);
            let last = record.position;
            if selection.includes(&record) {
                records.push(record);
            }
            let is_full =
                bytes >= LOOK_BYTES || i64::try_from(records.len()).is_ok_and(|count| count >= limit);
            if is_full || seen >= rows_limit {
                return Ok(Found { records, full_at: Some(last) });
            }
        }
        Ok(Found { records, full_at: None })
    }

    /// All records that match, page after page: no transaction stays open meanwhile, and a reader that waits keeps no
    /// more than one look in memory. `limit` bounds the whole.
    pub fn export(
        &self,
        selection: Selection,
    ) -> impl Stream<Item = Result<Record, sqlx::Error>> + Send + use<> {
        let pages = stream::try_unfold((self.clone(), selection), |(log, mut selection)| async move {
            let head = log.head().await?;
            if selection.is_spent() || selection.after >= head {
                return Ok::<_, sqlx::Error>(None);
            }
            let page = Selection { limit: selection.limit.min(EXPORT_PAGE), ..selection.clone() };
            let look = log.look(&page, head).await?;
            look.leave_the_rest(&mut selection);
            Ok(Some((stream::iter(look.records).map(Ok), (log, selection))))
        });
        pages.try_flatten()
    }
}

impl Look {
    /// Takes what was found out of the selection that it was looked for by.
    pub fn leave_the_rest(&self, selection: &mut Selection) {
        if selection.backwards {
            selection.until = Some(Position(self.through.0 - 1));
        } else {
            selection.after = self.through;
        }
        selection.limit -= i64::try_from(self.records.len()).unwrap_or(i64::MAX);
    }
}

/// What finds the events of a selection behind the place $1, up to and including $2.
fn statement(selection: &Selection) -> String {
    let order = if selection.backwards { "DESC" } else { "ASC" };
    let places = "position > $1 AND position <= $2";
    let (places, by) = match selection.streams {
        Streams::All | Streams::Chosen(_) => (places.to_owned(), "position"),
        Streams::OfKind(_) => (format!("{places} AND aggregate_type = $5"), "position"),
        Streams::Prefixed(_) => {
            (format!("{places} AND (aggregate_type || '-' || aggregate_id) ^@ ANY($5)"), "position")
        }
        // The index of positions would find the events of all other streams, too.
        Streams::One(..) => {
            let (after, last) = (last_sequence("$1"), last_sequence("$2"));
            (format!("{OF_ONE} AND sequence > {after} AND sequence <= {last}"), "sequence")
        }
    };
    format!(
        "SELECT {RECORD_COLUMNS} FROM events
          WHERE {places} AND ($3::text[] IS NULL OR event_type = ANY($3))
          ORDER BY {by} {order} LIMIT $4"
    )
}

const OF_ONE: &str = "aggregate_type = $5 AND aggregate_id = $6";

/// The sequence of a stream's last event at a place or in front of it. A reader that goes on from one of the stream's
/// own events finds it at once; only another one looks for it from the stream's end.
fn last_sequence(place: &str) -> String {
    format!(
        "coalesce((SELECT sequence FROM events WHERE position = {place} AND {OF_ONE}),
                  (SELECT sequence - 1 FROM events WHERE position = {place} + 1 AND {OF_ONE}),
                  (SELECT sequence FROM events WHERE {OF_ONE} AND position <= {place} AND {place} > 0
                    ORDER BY sequence DESC LIMIT 1),
                  0)"
    )
}

/// The head, as `executor` sees it.
pub(crate) async fn head(executor: impl PgExecutor<'_>) -> Result<Position, sqlx::Error> {
    sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM events")
        .fetch_one(executor)
        .await
        .map(Position)
}

/// Events that follow each other.
pub(crate) struct Page {
    pub records: Vec<Record>,
    /// It ended because it was full, so there may be more behind it.
    pub more: bool,
}

/// The next records behind `position`, as `executor` sees them: at most `limit`, and not many more
/// bytes than [`PAGE_BYTES`].
pub(crate) async fn page(
    executor: impl PgExecutor<'_>,
    position: Position,
    limit: usize,
) -> Result<Page, sqlx::Error> {
    let sql = format!("SELECT {RECORD_COLUMNS} FROM events WHERE position > $1 ORDER BY position LIMIT $2");
    let limit_rows = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = sqlx::query(&sql).bind(position.0).bind(limit_rows).fetch(executor);
    let (mut records, mut bytes) = (Vec::new(), 0);
    while bytes < PAGE_BYTES {
        let Some(row) = rows.try_next().await? else { break };
        let record = record(&row)?;
        bytes += record.payload.get().len();
        records.push(record);
    }
    let more = bytes >= PAGE_BYTES || records.len() == limit;
    Ok(Page { records, more })
}

fn records(rows: &[PgRow]) -> Result<Vec<Record>, sqlx::Error> {
    rows.iter().map(record).collect()
}
