//! Reads streams from the log, each from its snapshot on: all that a moment's commands need, in one query.

use std::time::Duration;

use daybook_domain::stored::Unreadable;
use daybook_migrations::{ErrorClass, classify};
use futures::TryStreamExt;
use serde_json::value::RawValue;
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use crate::{
    error::Failure,
    metrics::{self, SnapshotOutcome},
    state::{OwnState, StoredEvent, StreamId, Unsaved, Wanted},
    working_set::{Epoch, StreamState, Version},
};

/// What was asked for, stream by stream; one that can't be read doesn't hold up the others.
pub type Streams = Vec<(StreamId, Result<StreamState, Unreadable>)>;

pub type Loaded = Result<Streams, Failure>;

/// Loads from a pool, outside of any transaction: what has changed meanwhile shows at the append.
pub async fn load(pool: PgPool, wanted: Vec<Wanted>, limit: Duration) -> Loaded {
    let loading = async {
        let mut connection = pool.acquire().await?;
        load_streams(&mut connection, &wanted).await
    };
    let Ok(loaded) = tokio::time::timeout(limit, loading).await else {
        tracing::warn!(streams = wanted.len(), "loading streams took too long");
        return Err(Failure::Unavailable);
    };
    loaded.map_err(|error| {
        tracing::warn!(%error, streams = wanted.len(), "streams could not be loaded");
        match classify(&error) {
            ErrorClass::Defect | ErrorClass::Data => Failure::Internal,
            ErrorClass::Busy | ErrorClass::Gone | ErrorClass::Conflict => Failure::Unavailable,
        }
    })
}

/// One query for all; what is read is not trusted to be the newest. A stream without events is at its
/// default. A snapshot that can't be decoded is a reason to read the stream from its beginning.
pub async fn load_streams(connection: &mut PgConnection, wanted: &[Wanted]) -> Result<Streams, sqlx::Error> {
    metrics::STREAMS_LOADED.inc_by(wanted.len() as u64);
    let mut read = read(connection, wanted, Start::Snapshot).await?;
    if !read.undecodable.is_empty() {
        let undecodable = metrics::SNAPSHOTS.with_label_values(&[SnapshotOutcome::Undecodable.as_str()]);
        undecodable.inc_by(read.undecodable.len() as u64);
        let again = self::read(connection, &read.undecodable, Start::Beginning).await?;
        read.streams.extend(again.streams);
    }
    Ok(read.streams)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Snapshot,
    Beginning,
}

/// What one query found.
#[derive(Default)]
struct Read {
    streams: Streams,
    /// Their snapshots are not what they say they are.
    undecodable: Vec<Wanted>,
}

/// A stream while it is folded.
struct Folding {
    version: Version,
    unsaved: Unsaved,
    state: Result<OwnState, Broken>,
}

enum Broken {
    Snapshot,
    Event(Unreadable),
}

/// Reads for each stream the snapshot, where there is one that counts, and the events behind it. The rows are
/// folded as they come, so a long stream is never in memory as a whole.
///
/// A snapshot's row has no `event_type` and comes first. It counts if its shape is today's and if its
/// event is in the log. LIMIT and ORDER BY keep the planner from making a join of this, for which it
/// might read whole tables that were never analysed.
const STREAMS: &str = "
    SELECT w.place, r.sequence, r.event_id, r.event_type, r.event_version, r.payload
      FROM unnest($1::text[], $2::text[], $3::int[]) WITH ORDINALITY AS w(kind, id, shape, place)
      LEFT JOIN LATERAL (
           SELECT s.sequence, s.event_id, s.state FROM snapshots s
            WHERE s.aggregate_type = w.kind AND s.aggregate_id = w.id AND s.shape = w.shape
              AND EXISTS (SELECT FROM events e
                           WHERE e.aggregate_type = w.kind AND e.aggregate_id = w.id
                             AND e.sequence = s.sequence AND e.event_id = s.event_id)
            LIMIT 1) s ON true
     CROSS JOIN LATERAL (
           SELECT s.sequence, s.event_id, NULL AS event_type, NULL AS event_version, s.state AS payload
            WHERE s.sequence IS NOT NULL
           UNION ALL (
           SELECT e.sequence, e.event_id, e.event_type, e.event_version, e.payload FROM events e
            WHERE e.aggregate_type = w.kind AND e.aggregate_id = w.id
              AND e.sequence > coalesce(s.sequence, 0)
            ORDER BY e.sequence)) r
     ORDER BY w.place, r.sequence";

/// No state has it.
const NO_SHAPE: i32 = -1;

async fn read(connection: &mut PgConnection, wanted: &[Wanted], start: Start) -> Result<Read, sqlx::Error> {
    let kinds: Vec<&str> = wanted.iter().map(|wanted| wanted.stream.kind).collect();
    let ids: Vec<&str> = wanted.iter().map(|wanted| &*wanted.stream.id).collect();
    let shape = |wanted: &Wanted| if start == Start::Snapshot { wanted.shape } else { NO_SHAPE };
    let shapes: Vec<i32> = wanted.iter().map(shape).collect();
    let mut rows = sqlx::query(STREAMS).bind(&kinds).bind(&ids).bind(&shapes).fetch(connection);
    let mut foldings: Vec<Folding> = wanted.iter().map(Folding::begin).collect();
    while let Some(row) = rows.try_next().await? {
        let place: i64 = row.try_get("place")?;
        let index = usize::try_from(place - 1).expect("a place in an array");
        foldings[index].take(&wanted[index], &row)?;
    }
    let mut read = Read::default();
    for (wanted, folding) in wanted.iter().zip(foldings) {
        read.add(wanted, folding);
    }
    Ok(read)
}

impl Folding {
    fn begin(wanted: &Wanted) -> Self {
        let state = (wanted.begin)(None).map_err(|_| Broken::Snapshot);
        Self { version: Version::NONE, unsaved: Unsaved::default(), state }
    }

    fn take(&mut self, wanted: &Wanted, row: &PgRow) -> Result<(), sqlx::Error> {
        let event_id: Uuid = row.try_get("event_id")?;
        let payload: Json<Box<RawValue>> = row.try_get("payload")?;
        self.version = Version { sequence: row.try_get("sequence")?, event_id: Some(event_id) };
        let Some(name) = row.try_get::<Option<String>, _>("event_type")? else {
            self.state = (wanted.begin)(Some(&payload.0)).map_err(|error| {
                tracing::warn!(%error, stream = ?wanted.stream, "a snapshot can't be read");
                Broken::Snapshot
            });
            let used = metrics::SNAPSHOTS.with_label_values(&[SnapshotOutcome::Used.as_str()]);
            used.inc_by(u64::from(self.state.is_ok()));
            return Ok(());
        };
        metrics::EVENTS_LOADED.inc();
        self.unsaved.add(payload.0.get());
        if let Ok(state) = &mut self.state {
            let event = StoredEvent { name, version: row.try_get("event_version")?, payload: payload.0 };
            if let Err(error) = state.apply(&event) {
                self.state = Err(Broken::Event(error));
            }
        }
        Ok(())
    }
}

impl Read {
    fn add(&mut self, wanted: &Wanted, folded: Folding) {
        let Folding { version, unsaved, state } = folded;
        let state = match state {
            Ok(state) => Ok(StreamState::new(version, state.into(), Epoch::NEVER, unsaved)),
            Err(Broken::Event(error)) => Err(error),
            Err(Broken::Snapshot) => return self.undecodable.push(wanted.clone()),
        };
        self.streams.push((wanted.stream.clone(), state));
    }
}
