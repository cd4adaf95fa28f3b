//! Is a read model equal to the log? Compares every row with a second fold, in one snapshot, while
//! everything goes on: a merge of rows and streams, both in the order of their ids, so that memory holds
//! one of each. Several threads do so, each with a range of ids.

use std::sync::Arc;

use bytes::Bytes;
use daybook_domain::Record;
use futures::future::try_join_all;
use serde::Serialize;
use sqlx::{PgConnection, postgres::PgConnectOptions};
use uuid::Uuid;

use super::sums;
use crate::{
    checkpoint::Reached,
    dead_letters,
    projection::table,
    read_models::{Definition, Fold, Written},
    scan::{
        binary::{Fields, Rows},
        streams::{Events, Range, Shared, Snapshot, end},
        turns::Turns,
    },
    tasks::apart,
};

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Verification {
    pub read_model: String,
    pub generation: i32,
    /// Up to where the log was folded: the read model's checkpoint, or the least of them.
    pub position: i64,
    pub rows: i64,
    /// Events that were folded.
    pub events: i64,
    /// Sums that were compared with what the rows of a tally add up to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub sums: Option<i64>,
    /// Rows and sums that differ.
    pub differences: i64,
    /// The first one that differs, and how.
    #[cfg_attr(feature = "schema", schema(required))]
    pub first_difference: Option<String>,
}

pub(crate) async fn verify(
    connect: &PgConnectOptions,
    definition: &'static Definition,
    generation: i32,
) -> Result<Verification, sqlx::Error> {
    let mut snapshot = Snapshot::take(connect).await?;
    let comparison = Comparison::begin(&mut snapshot.connection, definition, generation).await?;
    let comparing = snapshot.ranges(definition.kind).await?.into_iter().map(|range| {
        let (comparison, shared) = (comparison.clone(), snapshot.share());
        apart(move || comparison.compare(shared, range))
    });
    let comparing = try_join_all(comparing.collect::<Vec<_>>());
    let shared = snapshot.share();
    let adding_up = async {
        let mut session = shared.session().await?;
        let sums = sums::compare(&mut session, definition, generation).await?;
        end(session).await;
        Ok(sums)
    };
    let (found, sums) = tokio::try_join!(comparing, adding_up)?;
    end(snapshot.connection).await;
    let mut verification = comparison.verification(found);
    if let Some(sums) = sums {
        verification.sums = Some(sums.keys);
        verification.differences += sums.differences;
        verification.first_difference = verification.first_difference.or(sums.first_difference);
    }
    Ok(verification)
}

/// The same for the next rows behind `after`, `most` of them, and for the streams between them. Says
/// behind which id to go on; `None` at the end.
pub(crate) async fn verify_page(
    connect: &PgConnectOptions,
    definition: &'static Definition,
    generation: i32,
    after: &str,
    most: usize,
) -> Result<(Verification, Option<String>), sqlx::Error> {
    let mut snapshot = Snapshot::take(connect).await?;
    let comparison = Comparison::begin(&mut snapshot.connection, definition, generation).await?;
    let last = format!(
        "SELECT id FROM {} WHERE {KEY} > $1 ORDER BY {KEY} OFFSET $2 LIMIT 1",
        table::name(definition.name, generation)
    );
    let last: Option<String> = sqlx::query_scalar(&last)
        .bind(after)
        .bind(i64::try_from(most.saturating_sub(1)).unwrap_or(i64::MAX))
        .fetch_optional(&mut snapshot.connection)
        .await?;
    let range = Range::between(after, last.as_deref());
    let (comparing, shared) = (comparison.clone(), snapshot.share());
    let found = apart(move || comparing.compare(shared, range)).await?;
    end(snapshot.connection).await;
    Ok((comparison.verification(vec![found]), last))
}

/// In one range.
#[derive(Clone, Default)]
struct Found {
    rows: i64,
    events: i64,
    differences: i64,
    first_difference: Option<String>,
}

#[derive(Clone)]
struct Comparison {
    definition: &'static Definition,
    generation: i32,
    reached: Arc<Reached>,
    skipped: Vec<Uuid>,
    found: Found,
}

impl Comparison {
    async fn begin(
        connection: &mut PgConnection,
        definition: &'static Definition,
        generation: i32,
    ) -> Result<Self, sqlx::Error> {
        let reached = Reached::of(&mut *connection, definition.name, generation).await?;
        let reached = Arc::new(reached.ok_or(sqlx::Error::RowNotFound)?);
        let skipped = dead_letters::skipped(connection, definition.name).await?;
        Ok(Self { definition, generation, reached, skipped, found: Found::default() })
    }

    fn verification(&self, found: Vec<Found>) -> Verification {
        Verification {
            read_model: self.definition.name.to_owned(),
            generation: self.generation,
            position: self.reached.least().0,
            rows: found.iter().map(|found| found.rows).sum(),
            events: found.iter().map(|found| found.events).sum(),
            sums: None,
            differences: found.iter().map(|found| found.differences).sum(),
            first_difference: found.into_iter().find_map(|found| found.first_difference),
        }
    }

    async fn compare(mut self, shared: Shared, range: Range) -> Result<Found, sqlx::Error> {
        let (mut of_rows, mut of_events) = tokio::try_join!(shared.session(), shared.session())?;
        let mut rows = Stored::of(&mut of_rows, self.definition, self.generation, &range).await?;
        let mut events =
            Events::of(&mut of_events, self.definition.kind, &range, self.reached.most()).await?;
        rows.advance().await?;
        let mut current: Option<Folding> = None;
        let mut turns = Turns::default();
        while let Some(record) = events.next().await? {
            turns.next().await;
            if record.position > self.reached.by(&record.aggregate_id) {
                continue;
            }
            self.found.events += 1;
            if current.as_ref().is_none_or(|folding| folding.id != record.aggregate_id) {
                self.close(current.take(), &mut rows).await?;
            }
            let folding =
                current.get_or_insert_with(|| Folding::begin(self.definition, &record.aggregate_id));
            folding.add(record, self.skipped.contains(&record.event_id));
        }
        self.close(current, &mut rows).await?;
        while let Some(row) = rows.current()? {
            self.surplus(row.id);
            rows.advance().await?;
        }
        self.found.rows = rows.count;
        drop((rows, events));
        tokio::join!(end(of_rows), end(of_events));
        Ok(self.found)
    }

    /// A stream has come to its end, and all rows of streams in front of it are gone.
    async fn close(&mut self, folding: Option<Folding>, rows: &mut Stored<'_>) -> Result<(), sqlx::Error> {
        let Some(folding) = folding else { return Ok(()) };
        let written = folding.fold.as_ref().map(|fold| fold.written());
        while let Some(row) = rows.current()? {
            if row.id == folding.id {
                if let Some(how) = folding.difference(&row, &written) {
                    self.differs(row.id, &how);
                }
                return rows.advance().await;
            }
            // A stream without a row is nothing to wonder about, and a row that is too much will meet
            // the next one.
            if matches!(written, Ok(None)) {
                return Ok(());
            }
            if *row.id > *folding.id {
                break;
            }
            self.surplus(row.id);
            rows.advance().await?;
        }
        match written {
            Ok(None) => {}
            Ok(Some(_)) => self.differs(&folding.id, "the row is missing"),
            Err(reason) => self.differs(&folding.id, reason),
        }
        Ok(())
    }

    fn surplus(&mut self, id: &str) {
        self.differs(id, "there is a row, but no event of it in the log");
    }

    fn differs(&mut self, id: &str, how: &str) {
        self.found.differences += 1;
        self.found.first_difference.get_or_insert_with(|| format!("{id}: {how}"));
    }
}

/// What is said of a stream if the log itself has lost an event of it.
const LOST: &str = "the log has no event";

/// Whether a difference is the fault of the log itself, which no rebuild repairs. Other releases have stored it, too.
pub(crate) fn is_of_the_log(difference: &str) -> bool {
    difference.split_once(": ").is_some_and(|(_, how)| how.starts_with(LOST))
}

/// The order of the log, for a table too whose column doesn't say so: made by an earlier release.
const KEY: &str = "id COLLATE \"C\"";

/// The rows of a range as they are stored, by id.
struct Stored<'c> {
    rows: Rows<'c>,
    columns: usize,
    current: Option<Bytes>,
    /// That were read.
    count: i64,
}

/// One of them.
struct StoredRow<'a> {
    id: &'a str,
    version: i64,
    position: i64,
    columns: Vec<Option<&'a str>>,
    doc: &'a str,
}

impl<'c> Stored<'c> {
    async fn of(
        connection: &'c mut PgConnection,
        definition: &Definition,
        generation: i32,
        range: &Range,
    ) -> Result<Self, sqlx::Error> {
        let columns: String = definition.columns().map(|column| format!("{}::text, ", column.name)).collect();
        let query = format!(
            "SELECT id, version, position, {columns}doc FROM {} WHERE true{} ORDER BY {KEY}",
            table::name(definition.name, generation),
            range.condition(KEY)
        );
        let rows = Rows::of(connection, &query).await?;
        Ok(Self { rows, columns: definition.columns().count(), current: None, count: 0 })
    }

    async fn advance(&mut self) -> Result<(), sqlx::Error> {
        self.current = self.rows.next().await?;
        self.count += i64::from(self.current.is_some());
        Ok(())
    }

    fn current(&self) -> Result<Option<StoredRow<'_>>, sqlx::Error> {
        let Some(row) = &self.current else { return Ok(None) };
        let mut fields = Fields::of(row, 4 + self.columns)?;
        let row = StoredRow {
            id: fields.text()?,
            version: fields.bigint()?,
            position: fields.bigint()?,
            columns: (0..self.columns).map(|_| fields.nullable_text()).collect::<Result<_, _>>()?,
            doc: fields.text()?,
        };
        fields.end()?;
        Ok(Some(row))
    }
}

/// A row as the log has it.
struct Folding {
    id: String,
    fold: Result<Box<dyn Fold>, String>,
    /// Sequence of the last event.
    sequence: i64,
    /// Sequence of the last event that was applied.
    version: i64,
    /// Position of the last event that was applied.
    position: i64,
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
            self.fold = Err(format!("{LOST} {} of this stream", self.sequence));
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

    /// How its stored row differs from it.
    fn difference(&self, row: &StoredRow<'_>, written: &Result<Option<Written>, &String>) -> Option<String> {
        let written = match written {
            Err(reason) => return Some((*reason).clone()),
            Ok(None) => return Some("there is a row, but the fold has none".into()),
            Ok(Some(written)) => written,
        };
        if (row.version, row.position) != (self.version, self.position) {
            return Some(format!(
                "version {} at position {}, the log says {} at {}",
                row.version, row.position, self.version, self.position
            ));
        }
        let same = row.doc == written.doc
            && row.columns.iter().copied().eq(written.columns.iter().map(Option::as_deref));
        (!same).then(|| "the row's content differs from the fold".into())
    }
}
