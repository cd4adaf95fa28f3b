//! Writes snapshots of long streams, beside the appends and never in their way.
//!
//! What bounds a load: the committer knows of each stream in its working set how much has been appended
//! since its snapshot. When that outweighs the state ([`Unsaved`](crate::state::Unsaved)), the state that
//! the batch ends with is put aside before anything is decided ahead of it, and comes here when the batch
//! is confirmed. A stream that is long already (from a time before snapshots, or of another shape) comes
//! here when it was loaded. So both a stream that is never out of memory and one that rarely is in it
//! have a snapshot not far behind their end, whenever the process is killed: a load folds the 500 events
//! that make one due, those of the batch in which it became due, and those appended during a write. That is
//! one or two thousand, for whatever a batch may hold.
//!
//! One write at a time, each of a bounded number of streams, the newest state of each. One that fails is
//! lost, and so are those that wait with it: their streams are due again after as many events, or when
//! they are loaded.

use std::{collections::HashMap, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use sqlx::PgPool;

use crate::{
    metrics::{self, SnapshotOutcome},
    state::{AnyState, StreamId},
    working_set::{StreamState, Version, WorkingSet},
};

/// Streams that may wait for their snapshot. More are due at once only when as many long streams were
/// loaded at once; they are due again at their next load.
const MAX_PENDING: usize = 1_024;
/// Streams of one write.
const MAX_WRITE: usize = 64;
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A state that may be kept as soon as it is durable.
pub struct Snapshot {
    stream: StreamId,
    version: Version,
    state: AnyState,
}

impl Snapshot {
    /// Takes a snapshot of a state that is due, and begins to count its events anew.
    pub fn take_if_due((stream, state): (&StreamId, &mut StreamState)) -> Option<Self> {
        if !state.is_due() {
            return None;
        }
        state.unsaved = Default::default();
        let StreamState { version, state, .. } = state;
        Some(Self { stream: stream.clone(), version: *version, state: state.clone() })
    }

    /// Takes a snapshot of each of `streams` that is due, in its present state.
    pub fn take<'a>(set: &mut WorkingSet, streams: impl IntoIterator<Item = &'a StreamId>) -> Vec<Self> {
        let mut take = |stream| Self::take_if_due((stream, set.get_mut(stream)?));
        streams.into_iter().filter_map(&mut take).collect()
    }
}

/// What is to be written, and what is being written.
#[derive(Default)]
pub struct Snapshots {
    pending: HashMap<StreamId, Snapshot>,
    writing: Option<BoxFuture<'static, bool>>,
}

impl Snapshots {
    /// Adds snapshots to be written. Their states must be durable.
    pub fn add(&mut self, snapshots: impl IntoIterator<Item = Snapshot>) {
        for snapshot in snapshots {
            if self.pending.len() < MAX_PENDING || self.pending.contains_key(&snapshot.stream) {
                self.pending.insert(snapshot.stream.clone(), snapshot);
            } else {
                count(SnapshotOutcome::Lost, 1);
            }
        }
    }

    pub fn is_done(&self) -> bool {
        self.pending.is_empty() && self.writing.is_none()
    }

    pub fn start(&mut self, pool: &PgPool) {
        if self.writing.is_none() && !self.pending.is_empty() {
            let streams: Vec<StreamId> = self.pending.keys().take(MAX_WRITE).cloned().collect();
            let snapshots = streams.iter().filter_map(|stream| self.pending.remove(stream)).collect();
            self.writing = Some(write(pool.clone(), snapshots).boxed());
        }
    }

    /// When the write under way has ended; never, if there is none.
    pub async fn ended(&mut self) {
        let is_written = match &mut self.writing {
            Some(writing) => writing.await,
            None => std::future::pending().await,
        };
        self.writing = None;
        if !is_written {
            // They would fare no better, and a shutdown waits for them.
            count(SnapshotOutcome::Lost, self.pending.len());
            self.pending.clear();
        }
    }
}

fn count(outcome: SnapshotOutcome, snapshots: usize) {
    metrics::SNAPSHOTS.with_label_values(&[outcome.as_str()]).inc_by(snapshots as u64);
}

async fn write(pool: PgPool, snapshots: Vec<Snapshot>) -> bool {
    let streams = snapshots.len();
    let outcome = match tokio::time::timeout(WRITE_TIMEOUT, try_write(&pool, snapshots)).await {
        Ok(Ok(())) => SnapshotOutcome::Written,
        Ok(Err(error)) => {
            tracing::warn!(%error, streams, "snapshots could not be written");
            SnapshotOutcome::Lost
        }
        Err(_) => {
            tracing::warn!(streams, "writing snapshots took too long");
            SnapshotOutcome::Lost
        }
    };
    count(outcome, streams);
    outcome == SnapshotOutcome::Written
}

async fn try_write(pool: &PgPool, snapshots: Vec<Snapshot>) -> Result<(), sqlx::Error> {
    let (mut kinds, mut ids, mut sequences, mut event_ids) = (vec![], vec![], vec![], vec![]);
    let (mut shapes, mut states) = (vec![], vec![]);
    for Snapshot { stream, version, state } in &snapshots {
        kinds.push(stream.kind);
        ids.push(&*stream.id);
        sequences.push(version.sequence);
        event_ids.push(version.event_id);
        shapes.push(state.shape());
        states.push(state.to_json());
    }
    sqlx::query("SELECT write_snapshots($1, $2, $3, $4, $5, $6)")
        .bind(kinds)
        .bind(ids)
        .bind(sequences)
        .bind(event_ids)
        .bind(shapes)
        .bind(states)
        .execute(pool)
        .await?;
    Ok(())
}
