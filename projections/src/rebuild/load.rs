//! Fills a new generation from one snapshot of the log: stream after stream is folded, and each row is
//! written once, by COPY. Several threads fold, each a range of streams; one session writes. A tally's sums
//! are added up by the database, from what the rows contribute.
//!
//! The table is made in the transaction that fills it, so a load that dies leaves nothing behind, and the
//! rows are frozen as they are written. Indexes come later: to sort once is faster than to keep sorted.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use daybook_domain::{Position, Record};
use futures::future::try_join_all;
use sqlx::{Connection, Executor, PgConnection};
use tokio::{sync::mpsc, time::interval};
use uuid::Uuid;

use super::{
    job::{Ended, Job, PROGRESS_INTERVAL},
    phases::{Phase, Phases},
};
use crate::{
    log,
    partition::{self, Partition},
    projection::{sums, table},
    proof::Proof,
    read_models::{Column, Definition, Fold},
    scan::{
        binary::{Malformed, Piece},
        streams::{Events, Range, Shared, Snapshot, end, long_session},
        turns::Turns,
    },
    tasks::apart,
};

/// COPY is fed in pieces of about this size.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait to be written.
const WAITING_PIECES: usize = 8;
/// Events after which a thread tells that it has folded them.
const COUNTED_EVENTS: i64 = 256;

pub(super) async fn load(job: &Job<'_>, skipped: &[Uuid]) -> Result<(), Ended> {
    let (definition, generation) = (job.definition, job.generation);
    let mut snapshot = Snapshot::take(&job.background.connect).await?;
    let head = log::head(&mut snapshot.connection).await?;
    let event_id: Option<Uuid> = sqlx::query_scalar("SELECT event_id FROM events WHERE position = $1")
        .bind(head.0)
        .fetch_optional(&mut snapshot.connection)
        .await?;

    let mut writer = long_session(&job.background.connect).await?;
    let mut transaction = writer.begin().await?;
    definition.create_table(&mut transaction, generation).await?;
    let proofs = copy(job, &mut snapshot, &mut transaction, head, skipped).await?;
    definition.fill_sums(&mut transaction, generation).await?;
    let (applied, digests): (Vec<_>, Vec<_>) = proofs.into_iter().map(Proof::as_stored).unzip();
    definition.create_key(&mut transaction, generation).await?;
    sqlx::query(
        "INSERT INTO checkpoints (name, generation, partition, position, event_id, applied, digest)
         SELECT $1, $2, x.place - 1, $3, $4, x.applied, x.digest
           FROM unnest($5::bigint[], $6::bigint[]) WITH ORDINALITY AS x(applied, digest, place)",
    )
    .bind(definition.name)
    .bind(generation)
    .bind(head.0)
    .bind(event_id)
    .bind(applied)
    .bind(digests)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    tokio::join!(end(snapshot.connection), end(writer));
    Ok(())
}

/// Makes ready for queries what so far was only written. One core does so, while others have work, too.
pub(super) async fn index(job: &Job<'_>) -> Result<(), sqlx::Error> {
    let (definition, generation) = (job.definition, job.generation);
    let mut phase = Phases::of(definition.name);
    let mut session = long_session(&job.background.connect).await?;
    session.execute("SET max_parallel_maintenance_workers = 0").await?;
    definition.create_indexes(&mut session, generation).await?;
    session.execute(format!("ANALYZE {}", table::name(definition.name, generation)).as_str()).await?;
    if definition.tally.is_some() {
        session.execute(format!("ANALYZE {}", sums::name(definition.name, generation)).as_str()).await?;
    }
    phase.ended(Phase::Index);
    Ok(())
}

/// Reads, folds and writes, each row as soon as its stream ends. Accounts for what was applied, by partition.
async fn copy(
    job: &Job<'_>,
    snapshot: &mut Snapshot,
    writer: &mut PgConnection,
    head: Position,
    skipped: &[Uuid],
) -> Result<Vec<Proof>, Ended> {
    let estimate = snapshot.estimate(job.definition.kind).await?;
    let partitions = job.background.settings.projections.partitions;
    let done = Arc::new(AtomicI64::new(0));
    let (pieces, written) = mpsc::channel(WAITING_PIECES);
    let folding = snapshot.ranges(job.definition.kind).await?.into_iter().map(|range| {
        let share = Share {
            definition: job.definition,
            shared: snapshot.share(),
            range,
            head,
            skipped: skipped.to_vec(),
            partitions,
            pieces: pieces.clone(),
            done: Arc::clone(&done),
        };
        apart(move || share.fold())
    });
    let folding = try_join_all(folding.collect::<Vec<_>>());
    // The channel ends with the last thread that folds.
    drop(pieces);
    let writing = write(job, writer, written);
    let work = async { tokio::try_join!(folding, writing) };
    let report = async {
        let mut ticks = interval(PROGRESS_INTERVAL);
        loop {
            ticks.tick().await;
            let done = done.load(Ordering::Relaxed);
            if let Err(ended) = job.progress(done, estimate.max(done)).await {
                return ended;
            }
        }
    };
    let proofs = tokio::select! {
        worked = work => worked?.0,
        ended = report => return Err(ended),
    };
    let done = done.load(Ordering::Relaxed);
    job.progress(done, done).await?;
    let whole = |index: usize| proofs.iter().map(|share| share[index]).fold(Proof::default(), Proof::plus);
    Ok((0..proofs[0].len()).map(whole).collect())
}

async fn write(
    job: &Job<'_>,
    writer: &mut PgConnection,
    mut pieces: mpsc::Receiver<Piece>,
) -> Result<(), Ended> {
    // FREEZE: no other session can see the table before the commit, so vacuum need not visit its rows later.
    let mut copy = writer
        .copy_in_raw(&format!(
            "COPY {} ({}) FROM STDIN WITH (FORMAT binary, FREEZE)",
            table::name(job.definition.name, job.generation),
            job.definition.column_list()
        ))
        .await?;
    copy.send(Piece::header().0).await?;
    while let Some(piece) = pieces.recv().await {
        copy.send(piece.0).await?;
    }
    copy.send(Piece::trailer().0).await?;
    copy.finish().await?;
    Ok(())
}

/// What one thread folds.
struct Share {
    definition: &'static Definition,
    shared: Shared,
    range: Range,
    head: Position,
    skipped: Vec<Uuid>,
    partitions: usize,
    pieces: mpsc::Sender<Piece>,
    /// Events of all shares that were folded.
    done: Arc<AtomicI64>,
}

impl Share {
    async fn fold(self) -> Result<Vec<Proof>, Ended> {
        let mut session = self.shared.session().await?;
        let mut events = Events::of(&mut session, self.definition.kind, &self.range, self.head).await?;
        let mut rows = TableRows::of(self.definition, self.partitions);
        let (mut turns, mut counted) = (Turns::default(), 0);
        while let Some(record) = events.next().await? {
            if !self.skipped.contains(&record.event_id) {
                rows.add(record).map_err(|reason| Ended::failure(&reason))?;
            }
            counted += 1;
            if counted == COUNTED_EVENTS {
                self.done.fetch_add(std::mem::take(&mut counted), Ordering::Relaxed);
            }
            if rows.piece.0.len() >= PIECE_BYTES {
                self.send(rows.take()).await;
            }
            turns.next().await;
        }
        rows.end_stream().map_err(|reason| Ended::failure(&reason))?;
        self.done.fetch_add(counted, Ordering::Relaxed);
        self.send(rows.take()).await;
        drop(events);
        end(session).await;
        Ok(rows.proofs)
    }

    /// If the receiver is gone, the task that waits for this one knows why, and drops it.
    async fn send(&self, piece: Piece) {
        if self.pieces.send(piece).await.is_err() {
            std::future::pending().await
        }
    }
}

/// Rows as COPY takes them.
struct TableRows {
    definition: &'static Definition,
    current: Option<Stream>,
    piece: Piece,
    /// The proofs by partition.
    proofs: Vec<Proof>,
}

struct Stream {
    id: String,
    fold: Box<dyn Fold>,
    partition: usize,
    sequence: i64,
    position: Position,
}

impl TableRows {
    fn of(definition: &'static Definition, partitions: usize) -> Self {
        let proofs = Partition::all(partitions).map(|_| Proof::default()).collect();
        Self { definition, current: None, piece: Piece::default(), proofs }
    }

    fn take(&mut self) -> Piece {
        std::mem::replace(&mut self.piece, Piece(Vec::with_capacity(PIECE_BYTES + PIECE_BYTES / 4)))
    }

    fn add(&mut self, record: &Record) -> Result<(), String> {
        if self.current.as_ref().is_none_or(|stream| stream.id != record.aggregate_id) {
            self.end_stream()?;
            let fold = (self.definition.begin)(None).map_err(|error| error.to_string())?;
            let id = record.aggregate_id.clone();
            let partition = partition::index_of(&id, self.proofs.len());
            self.current = Some(Stream { id, fold, partition, sequence: 0, position: Position::START });
        }
        let stream = self.current.as_mut().expect("it was just begun");
        let failed = |reason| format!("event {} at position {}: {reason}", record.event_id, record.position);
        let version = if stream.fold.is_there() { stream.sequence } else { 0 };
        stream.fold.apply(record).map_err(failed)?;
        self.proofs[stream.partition].add(record.event_id, record.position, version);
        stream.sequence = record.sequence;
        stream.position = record.position;
        Ok(())
    }

    fn end_stream(&mut self) -> Result<(), String> {
        let Some(stream) = self.current.take() else { return Ok(()) };
        let Some(written) = stream.fold.written() else { return Ok(()) };
        let piece = &mut self.piece;
        let mut row = || -> Result<(), Malformed> {
            piece.begin_row(4 + written.columns.len())?;
            piece.text(&stream.id)?;
            piece.bigint(stream.sequence);
            piece.bigint(stream.position.0);
            for (column, value) in self.definition.columns().zip(&written.columns) {
                put(piece, &column, value.as_deref())?;
            }
            piece.text(&written.doc)
        };
        row().map_err(|error| format!("the row of {}: {error}", stream.id))
    }
}

/// A value of a column, which comes as text, as its type is sent.
fn put(piece: &mut Piece, column: &Column, value: Option<&str>) -> Result<(), Malformed> {
    let Some(value) = value else {
        piece.null();
        return Ok(());
    };
    match column.sql_type {
        "text" | "json" => piece.text(value),
        "bigint" => {
            piece.bigint(value.parse().map_err(|_| Malformed("a column of numbers holds something else"))?);
            Ok(())
        }
        _ => Err(Malformed("a column has a type that can't be copied")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        read_models::{READ_MODELS, testing::record},
        scan::binary::Fields,
    };
    use daybook_domain::stock::Event;

    #[test]
    fn each_stream_becomes_one_row() {
        let definition = crate::read_models::named("stock").expect("it is in the list");
        let mut rows = TableRows::of(definition, 1);
        for (id, sequence) in [("A", 1), ("A", 2), ("B", 1)] {
            let event = Event::Received { quantity: 5, reference: None };
            rows.add(&record("stock", id, sequence, &event)).expect("readable");
        }
        rows.end_stream().expect("it fits");
        let bytes = rows.piece.0;
        let second = bytes.windows(3).rposition(|window| window == [0, 1, b'B']).expect("a row of B") - 4;
        for (row, id, sequence, on_hand) in
            [(&bytes[..second], "A", 2, "\"on_hand\":10"), (&bytes[second..], "B", 1, "\"on_hand\":5")]
        {
            let mut fields = Fields::of(row, 4).expect("a row");
            assert_eq!(fields.text(), Ok(id));
            assert_eq!((fields.bigint(), fields.bigint()), (Ok(sequence), Ok(sequence)));
            assert!(fields.text().expect("a document").contains(on_hand));
            assert_eq!(fields.end(), Ok(()));
        }
    }

    #[test]
    fn columns_of_every_read_model_can_be_copied() {
        for column in READ_MODELS.iter().flat_map(Definition::columns) {
            assert_eq!(put(&mut Piece::default(), &column, Some("7")), Ok(()), "{column:?}");
        }
        let number = Column { name: "n", sql_type: "bigint" };
        assert!(put(&mut Piece::default(), &number, Some("seven")).is_err());
    }
}
