//! Reads the log: pages by position to catch up, one stream by sequence, and exports of any size.

use daybook_domain::{Position, Record};
use daybook_migrations::{RECORD_COLUMNS, record};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use sqlx::{PgExecutor, PgPool, postgres::PgRow};
use uuid::Uuid;

/// Longer streams are not read at once: a reader who needs one folds it page by page.
pub const MAX_STREAM_EVENTS: i64 = 100_000;
/// How many places of the log one statement looks at, so that a filter which lets little through
/// doesn't make one statement read the whole log.
const WINDOW: i64 = 50_000;
const EXPORT_PAGE: i64 = 200;
/// A page ends when its payloads come to this much: a thousand large orders would not fit anywhere.
pub(crate) const PAGE_BYTES: usize = 16 << 20;

/// The log, for reading. A cheap handle.
#[derive(Debug, Clone)]
pub struct Log {
    pool: PgPool,
}

/// Which events, and how many of them.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub after: Position,
    /// Inclusive; the head of the log, if `None`.
    pub until: Option<Position>,
    /// Stored event names; all, if empty.
    pub types: Vec<String>,
    /// Kind and id of one stream.
    pub stream: Option<(String, String)>,
    pub limit: i64,
}

impl Log {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// The last position, 0 of an empty log.
    pub async fn head(&self) -> Result<Position, sqlx::Error> {
        head(&self.pool).await
    }

    /// Which event stands at `position`, if any.
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

    /// The first `selection.limit` records that match, by position.
    pub async fn select(&self, selection: &Selection) -> Result<Vec<Record>, sqlx::Error> {
        let head = self.head().await?;
        let end = selection.until.map_or(head, |until| until.min(head));
        let mut found = Vec::new();
        let mut after = selection.after;
        loop {
            let left = selection.limit - i64::try_from(found.len()).unwrap_or(i64::MAX);
            if left <= 0 || after >= end {
                return Ok(found);
            }
            // One stream is found by its key, so the whole of it is one window.
            let window = if selection.stream.is_some() { end } else { end.min(Position(after.0 + WINDOW)) };
            found.extend(self.window(selection, after, window, left).await?);
            after = window;
        }
    }

    /// All records that match, page after page: no transaction stays open meanwhile. `limit` bounds
    /// the whole.
    pub fn export(
        &self,
        selection: Selection,
    ) -> impl Stream<Item = Result<Record, sqlx::Error>> + Send + use<> {
        let pages = stream::try_unfold((self.clone(), selection), |(log, mut selection)| async move {
            let page = Selection { limit: selection.limit.min(EXPORT_PAGE), ..selection.clone() };
            let records = log.select(&page).await?;
            let Some(last) = records.last() else { return Ok::<_, sqlx::Error>(None) };
            selection.after = last.position;
            selection.limit -= i64::try_from(records.len()).unwrap_or(i64::MAX);
            Ok(Some((stream::iter(records).map(Ok), (log, selection))))
        });
        pages.try_flatten()
    }

    async fn window(
        &self,
        selection: &Selection,
        after: Position,
        until: Position,
        limit: i64,
    ) -> Result<Vec<Record>, sqlx::Error> {
        let of_stream =
            if selection.stream.is_some() { "AND aggregate_type = $5 AND aggregate_id = $6" } else { "" };
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM events
              WHERE position > $1 AND position <= $2
                AND (cardinality($3::text[]) = 0 OR event_type = ANY($3)) {of_stream}
              ORDER BY position LIMIT $4"
        );
        let mut query =
            sqlx::query(&sql).bind(after.0).bind(until.0).bind(&selection.types).bind(limit.max(0));
        if let Some((kind, id)) = &selection.stream {
            query = query.bind(kind).bind(id);
        }
        records(&query.fetch_all(&self.pool).await?)
    }
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
