//! Given what happened, this is the row.

use daybook_domain::{Event, Position, Record, stored::encode};
use serde_json::value::RawValue;

use super::ReadModel;

pub fn given<M: ReadModel, E: Event>(id: &str, events: impl IntoIterator<Item = E>) -> Given<M> {
    let records: Vec<Record> = (1..).zip(events).map(|(n, event)| record(M::KIND, id, n, &event)).collect();
    Given { row: records.iter().try_fold(None, M::fold).expect("readable events") }
}

pub fn record<E: Event>(kind: &str, id: &str, sequence: i64, event: &E) -> Record {
    let stored = encode(event);
    Record {
        position: Position(sequence),
        event_id: uuid::Uuid::from_u128(u128::from(sequence.unsigned_abs())),
        aggregate_type: kind.to_owned(),
        aggregate_id: id.to_owned(),
        sequence,
        event_type: stored.name.to_owned(),
        event_version: stored.version.to_string(),
        payload: RawValue::from_string(stored.payload).expect("JSON"),
        metadata: [].into(),
        recorded_at: chrono::DateTime::UNIX_EPOCH,
    }
}

pub struct Given<M: ReadModel> {
    row: Option<M::Row>,
}

impl<M: ReadModel> Given<M> {
    #[track_caller]
    pub fn row(self) -> M::Row {
        self.row.expect("a row")
    }

    #[track_caller]
    pub fn nothing(self) {
        assert!(self.row.is_none());
    }
}
