//! Fills a new generation from one snapshot of the log: stream after stream is folded, and each row is
//! written once, by COPY.
//!
//! The table is made in the transaction that fills it, so a load that dies leaves nothing behind.

use std::time::Instant;

use daybook_domain::{Position, Record};
use daybook_migrations::record;
use futures::TryStreamExt;
use sqlx::{Connection, Executor, PgConnection, Row};
use uuid::Uuid;

use super::{Ended, Job, PROGRESS_INTERVAL, Turns, long_session};
use crate::{
    log,
    proof::Proof,
    read_models::{Definition, Fold, table},
};

/// COPY is fed in pieces of about this size.
const PIECE_BYTES: usize = 256 << 10;

/// Begins a transaction in which every statement sees the same state of the database.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Events of one kind, stream after stream. Folds don't look at metadata, so it isn't carried.
pub(super) const STREAM_COLUMNS: &str = "aggregate_type, aggregate_id, sequence, event_type, event_version, \
     payload, '{}'::json AS metadata, position, event_id, recorded_at";

pub(super) async fn load(job: &Job<'_>, skipped: &[Uuid]) -> Result<(), Ended> {
    let (definition, generation) = (job.definition, job.generation);
    let mut reader = long_session(&job.works.connect).await?;
    let mut writer = long_session(&job.works.connect).await?;
    reader.execute(SNAPSHOT).await?;
    let head = log::head(&mut reader).await?;
    let event_id: Option<Uuid> = sqlx::query_scalar("SELECT event_id FROM events WHERE position = $1")
        .bind(head.0)
        .fetch_optional(&mut reader)
        .await?;

    let mut transaction = writer.begin().await?;
    definition.create_table(&mut transaction, generation).await?;
    let (applied, digest) = copy(job, &mut reader, &mut transaction, skipped).await?.as_stored();
    definition.create_indexes(&mut transaction, generation).await?;
    sqlx::query("INSERT INTO checkpoints (name, generation, position, event_id, applied, digest) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(definition.name)
        .bind(generation)
        .bind(head.0)
        .bind(event_id)
        .bind(applied)
        .bind(digest)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    let analyze = format!("ANALYZE {}", table::name(definition.name, generation));
    sqlx::query(&analyze).execute(&mut writer).await?;
    Ok(())
}

/// Reads, folds and writes, each row as soon as its stream ends.
async fn copy(
    job: &Job<'_>,
    reader: &mut PgConnection,
    writer: &mut PgConnection,
    skipped: &[Uuid],
) -> Result<Proof, Ended> {
    let definition = job.definition;
    let estimate = estimate(reader, definition).await?;
    let sql = format!(
        "SELECT {STREAM_COLUMNS} FROM events WHERE aggregate_type = $1 ORDER BY aggregate_id, sequence"
    );
    let mut events = sqlx::query(&sql).bind(definition.kind).fetch(reader);
    // FREEZE: nobody can see the table before the commit, so its rows need no second look later.
    let mut copy = writer
        .copy_in_raw(&format!(
            "COPY {} ({}) FROM STDIN WITH (FREEZE)",
            table::name(definition.name, job.generation),
            definition.column_list()
        ))
        .await?;
    let mut rows = Rows {
        definition,
        current: None,
        text: Vec::with_capacity(2 * PIECE_BYTES),
        proof: Proof::default(),
    };
    let (mut done, mut reported, mut turns) = (0, Instant::now(), Turns(0));
    while let Some(row) = events.try_next().await? {
        turns.next().await;
        let record = record(&row)?;
        done += 1;
        if !skipped.contains(&record.event_id) {
            rows.add(&record).map_err(|reason| Ended::failure(&reason))?;
        }
        if rows.text.len() >= PIECE_BYTES {
            copy.send(rows.text.as_slice()).await?;
            rows.text.clear();
        }
        if reported.elapsed() >= PROGRESS_INTERVAL {
            job.progress(done, estimate.max(done)).await?;
            reported = Instant::now();
        }
    }
    rows.end_stream();
    copy.send(rows.text.as_slice()).await?;
    copy.finish().await?;
    job.progress(done, done).await?;
    Ok(rows.proof)
}

/// How many events there are to fold, as the planner thinks: counting takes as long as loading.
async fn estimate(reader: &mut PgConnection, definition: &Definition) -> Result<i64, sqlx::Error> {
    let sql =
        format!("EXPLAIN (FORMAT JSON) SELECT 1 FROM events WHERE aggregate_type = '{}'", definition.kind);
    let plan: serde_json::Value = sqlx::query(&sql).fetch_one(reader).await?.try_get(0)?;
    Ok(plan[0]["Plan"]["Plan Rows"].as_i64().unwrap_or(0))
}

/// Rows as COPY takes them.
struct Rows {
    definition: &'static Definition,
    current: Option<Stream>,
    text: Vec<u8>,
    proof: Proof,
}

struct Stream {
    id: String,
    fold: Box<dyn Fold>,
    sequence: i64,
    position: Position,
}

impl Rows {
    fn add(&mut self, record: &Record) -> Result<(), String> {
        if self.current.as_ref().is_none_or(|stream| stream.id != record.aggregate_id) {
            self.end_stream();
            let fold = (self.definition.begin)(None).map_err(|error| error.to_string())?;
            let id = record.aggregate_id.clone();
            self.current = Some(Stream { id, fold, sequence: 0, position: Position::START });
        }
        let stream = self.current.as_mut().expect("it was just begun");
        let failed = |reason| format!("event {} at position {}: {reason}", record.event_id, record.position);
        let version = if stream.fold.is_there() { stream.sequence } else { 0 };
        stream.fold.apply(record).map_err(failed)?;
        self.proof.add(record.event_id, record.position, version);
        stream.sequence = record.sequence;
        stream.position = record.position;
        Ok(())
    }

    fn end_stream(&mut self) {
        let Some(stream) = self.current.take() else { return };
        let Some(written) = stream.fold.written() else { return };
        let text = &mut self.text;
        escape(&stream.id, text);
        text.extend(format!("\t{}\t{}\t", stream.sequence, stream.position).bytes());
        for column in &written.columns {
            match column {
                Some(value) => escape(value, text),
                None => text.extend(br"\N"),
            }
            text.push(b'\t');
        }
        escape(&written.doc, text);
        text.push(b'\n');
    }
}

/// A value in COPY's text format.
fn escape(value: &str, text: &mut Vec<u8>) {
    for byte in value.bytes() {
        match byte {
            b'\\' => text.extend(br"\\"),
            b'\n' => text.extend(br"\n"),
            b'\r' => text.extend(br"\r"),
            b'\t' => text.extend(br"\t"),
            byte => text.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_models::testing::record;
    use daybook_domain::stock::Event;

    fn escaped(value: &str) -> String {
        let mut text = Vec::new();
        escape(value, &mut text);
        String::from_utf8(text).expect("UTF-8 in, UTF-8 out")
    }

    #[test]
    fn what_means_something_to_copy_is_escaped() {
        assert_eq!(escaped("a\tb\\N\r\nÆ"), r"a\tb\\N\r\nÆ");
        assert_eq!(escaped(r"\."), r"\\.");
    }

    #[test]
    fn each_stream_becomes_one_line() {
        let definition = Definition::named("stock").expect("it is in the list");
        let mut rows = Rows { definition, current: None, text: vec![], proof: Proof::default() };
        for (id, sequence) in [("A", 1), ("A", 2), ("B", 1)] {
            let event = Event::Received { quantity: 5, reference: None };
            rows.add(&record("stock", id, sequence, &event)).expect("readable");
        }
        rows.end_stream();
        let text = String::from_utf8(rows.text).expect("UTF-8");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("A\t2\t2\t{") && lines[0].contains("\"on_hand\":10"));
        assert!(lines[1].starts_with("B\t1\t1\t{"));
    }
}
