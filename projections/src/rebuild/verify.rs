//! Is a read model equal to the log? Compares every row with a second fold, in one snapshot, while
//! everything goes on. Memory is bounded: a page of rows at a time.

use std::collections::HashMap;

use daybook_domain::Record;
use daybook_migrations::record;
use futures::TryStreamExt;
use serde::Serialize;
use sqlx::{
    Executor, PgConnection, Row,
    postgres::{PgConnectOptions, PgRow},
};
use uuid::Uuid;

use super::{
    Turns,
    load::{SNAPSHOT, STREAM_COLUMNS},
    long_session,
};
use crate::{
    checkpoint::Consumer,
    log::PAGE_BYTES,
    reactor::dead_letters,
    read_models::{Definition, Fold, Written, table},
};

/// Rows that are held at a time.
const PAGE_ROWS: usize = 5_000;

#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    pub read_model: String,
    pub generation: i32,
    /// Up to where the log was folded: the read model's checkpoint.
    pub position: i64,
    pub rows: i64,
    /// Events that were folded.
    pub events: i64,
    pub differences: i64,
    /// The first row that differs, and how.
    pub first_difference: Option<String>,
}

/// A row as it is stored.
struct Stored {
    version: i64,
    position: i64,
    written: Written,
}

/// A row as the log has it.
struct Folding {
    id: String,
    fold: Result<Box<dyn Fold>, String>,
    /// Of the last event.
    sequence: i64,
    /// Of the last event that was applied.
    version: i64,
    position: i64,
}

pub(crate) async fn verify(
    connect: &PgConnectOptions,
    definition: &'static Definition,
    generation: i32,
) -> Result<Verification, sqlx::Error> {
    let mut connection = long_session(connect).await?;
    connection.execute(SNAPSHOT).await?;
    let mut comparison = Comparison::begin(&mut connection, definition, generation).await?;
    let mut after = String::new();
    loop {
        let (page, more) = comparison.rows(&mut connection, &after, PAGE_ROWS).await?;
        // Behind the last row there may still be streams that have none.
        let until = page.last().map(|(id, _)| id.clone()).filter(|_| more);
        comparison.compare(&mut connection, page, &after, until.as_deref()).await?;
        match until {
            Some(until) => after = until,
            None => return Ok(comparison.found),
        }
    }
}

/// The same for the next rows behind `after`, at most `rows`, and the streams between them. Says behind
/// which id to go on; `None` at the end.
pub(crate) async fn verify_page(
    connect: &PgConnectOptions,
    definition: &'static Definition,
    generation: i32,
    after: &str,
    rows: usize,
) -> Result<(Verification, Option<String>), sqlx::Error> {
    let mut connection = long_session(connect).await?;
    connection.execute(SNAPSHOT).await?;
    let mut comparison = Comparison::begin(&mut connection, definition, generation).await?;
    let (page, more) = comparison.rows(&mut connection, after, rows).await?;
    let until = page.last().map(|(id, _)| id.clone()).filter(|_| more);
    comparison.compare(&mut connection, page, after, until.as_deref()).await?;
    Ok((comparison.found, until))
}

struct Comparison {
    definition: &'static Definition,
    skipped: Vec<Uuid>,
    found: Verification,
}

impl Comparison {
    async fn begin(
        connection: &mut PgConnection,
        definition: &'static Definition,
        generation: i32,
    ) -> Result<Self, sqlx::Error> {
        let consumer = Consumer { name: definition.name, generation };
        let checkpoint = consumer.read(&mut *connection).await?.ok_or(sqlx::Error::RowNotFound)?;
        let skipped = dead_letters::skipped(&mut *connection, definition.name).await?;
        let found = Verification {
            read_model: definition.name.to_owned(),
            generation,
            position: checkpoint.at.position.0,
            rows: 0,
            events: 0,
            differences: 0,
            first_difference: None,
        };
        Ok(Self { definition, skipped, found })
    }

    /// The next rows behind `after`, and whether there may be more.
    async fn rows(
        &self,
        connection: &mut PgConnection,
        after: &str,
        most: usize,
    ) -> Result<(Vec<(String, Stored)>, bool), sqlx::Error> {
        let columns: String =
            self.definition.columns.iter().map(|column| format!("{}::text, ", column.name)).collect();
        let sql = format!(
            "SELECT id, version, position, {columns}doc::text FROM {} WHERE id > $1 ORDER BY id LIMIT $2",
            table::name(self.definition.name, self.found.generation)
        );
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let mut found = sqlx::query(&sql).bind(after).bind(limit).fetch(connection);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < PAGE_BYTES {
            let Some(row) = found.try_next().await? else { break };
            let row = self.stored(&row)?;
            bytes += row.1.written.doc.len();
            rows.push(row);
        }
        let more = bytes >= PAGE_BYTES || rows.len() == most;
        Ok((rows, more))
    }

    fn stored(&self, row: &PgRow) -> Result<(String, Stored), sqlx::Error> {
        let count = self.definition.columns.len();
        let columns = (0..count).map(|n| row.try_get(3 + n)).collect::<Result<_, _>>()?;
        let written = Written { columns, doc: row.try_get(3 + count)? };
        Ok((row.try_get(0)?, Stored { version: row.try_get(1)?, position: row.try_get(2)?, written }))
    }

    /// Folds the streams behind `after`, up to `until`, and compares each with its row.
    ///
    /// Both sides are cut by the database and matched by equality, so its collation doesn't matter.
    async fn compare(
        &mut self,
        connection: &mut PgConnection,
        page: Vec<(String, Stored)>,
        after: &str,
        until: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        self.found.rows += i64::try_from(page.len()).unwrap_or(i64::MAX);
        let mut rows: HashMap<String, Stored> = page.into_iter().collect();
        let upper = if until.is_some() { "AND aggregate_id <= $4" } else { "" };
        let sql = format!(
            "SELECT {STREAM_COLUMNS} FROM events
              WHERE aggregate_type = $1 AND position <= $2 AND aggregate_id > $3 {upper}
              ORDER BY aggregate_id, sequence"
        );
        let mut query = sqlx::query(&sql).bind(self.definition.kind).bind(self.found.position).bind(after);
        if let Some(until) = until {
            query = query.bind(until);
        }
        let mut events = query.fetch(connection);
        let mut current: Option<Folding> = None;
        let mut turns = Turns(0);
        while let Some(row) = events.try_next().await? {
            turns.next().await;
            let record = record(&row)?;
            self.found.events += 1;
            if current.as_ref().is_none_or(|folding| folding.id != record.aggregate_id) {
                self.close(current.take(), &mut rows);
            }
            let folding =
                current.get_or_insert_with(|| Folding::begin(self.definition, &record.aggregate_id));
            folding.add(&record, self.skipped.contains(&record.event_id));
        }
        self.close(current, &mut rows);
        for (id, _) in rows {
            self.differs(&id, "there is a row, but no event of it in the log");
        }
        Ok(())
    }

    fn close(&mut self, folding: Option<Folding>, rows: &mut HashMap<String, Stored>) {
        let Some(folding) = folding else { return };
        let stored = rows.remove(&folding.id);
        let fold = match folding.fold {
            Ok(fold) => fold,
            Err(reason) => return self.differs(&folding.id, &reason),
        };
        match (stored, fold.written()) {
            (None, None) => {}
            (None, Some(_)) => self.differs(&folding.id, "the row is missing"),
            (Some(_), None) => self.differs(&folding.id, "there is a row, but the fold has none"),
            (Some(stored), Some(written)) => {
                let same = stored.written == written;
                if (stored.version, stored.position) != (folding.version, folding.position) {
                    self.differs(
                        &folding.id,
                        &format!(
                            "version {} at position {}, the log says {} at {}",
                            stored.version, stored.position, folding.version, folding.position
                        ),
                    );
                } else if !same {
                    self.differs(&folding.id, "the row's content differs from the fold");
                }
            }
        }
    }

    fn differs(&mut self, id: &str, how: &str) {
        self.found.differences += 1;
        self.found.first_difference.get_or_insert_with(|| format!("{id}: {how}"));
    }
}

impl Folding {
    fn begin(definition: &Definition, id: &str) -> Self {
        let fold = (definition.begin)(None).map_err(|error| error.to_string());
        Self { id: id.to_owned(), fold, sequence: 0, version: 0, position: 0 }
    }

    fn add(&mut self, record: &Record, skip: bool) {
        let Ok(fold) = &mut self.fold else { return };
        self.sequence += 1;
        if record.sequence != self.sequence {
            self.fold = Err(format!("the log has no event {} of this stream", self.sequence));
            return;
        }
        if skip {
            return;
        }
        match fold.apply(record) {
            Ok(()) => {
                self.version = record.sequence;
                self.position = record.position.0;
            }
            Err(reason) => self.fold = Err(format!("event {}: {reason}", record.event_id)),
        }
    }
}
