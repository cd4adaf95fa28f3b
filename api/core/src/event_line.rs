//! An event as one line of NDJSON, the same in every form and file. Sealed data stays sealed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::{
    Position, Record,
    published::{Published, publish},
};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// What everyone outside is told: the public event. Payloads are stored without line breaks, so an
/// event is one line.
pub fn public(record: &Record) -> Vec<u8> {
    of(&publish(record))
}

/// The same of a public event that is there already.
pub fn of(event: &Published<'_>) -> Vec<u8> {
    with_line_break(event.to_json())
}

/// What is stored, for operators: the members are those of a public event, the type, the version and the
/// payload those of this release's own making.
pub fn raw(record: &Record) -> Vec<u8> {
    let line = RawLine {
        position: record.position,
        event_id: record.event_id,
        stream: format!("{}/{}", record.aggregate_type, record.aggregate_id),
        sequence: record.sequence,
        r#type: &record.event_type,
        version: record.event_version.parse().ok(),
        payload: &record.payload,
        metadata: &record.metadata,
        recorded_at: record.recorded_at,
    };
    with_line_break(serde_json::to_vec(&line).expect("string keys, and JSON that was read as such"))
}

#[derive(Serialize)]
struct RawLine<'a> {
    position: Position,
    event_id: Uuid,
    stream: String,
    sequence: i64,
    r#type: &'a str,
    /// `null` if it wasn't Daybook that wrote it.
    version: Option<u16>,
    payload: &'a RawValue,
    metadata: &'a BTreeMap<String, String>,
    recorded_at: DateTime<Utc>,
}

fn with_line_break(mut line: Vec<u8>) -> Vec<u8> {
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event_type: &str, payload: &str) -> Record {
        Record {
            position: Position(7),
            event_id: Uuid::from_u128(1),
            aggregate_type: "stock".into(),
            aggregate_id: "TEA-1".into(),
            sequence: 2,
            event_type: event_type.into(),
            event_version: "1".into(),
            payload: RawValue::from_string(payload.into()).expect("JSON"),
            metadata: BTreeMap::from([("actor".into(), "bob".into())]),
            recorded_at: DateTime::from_timestamp(1_700_000_000, 0).expect("a time"),
        }
    }

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).expect("UTF-8")
    }

    /// Readers of files that were written before see no other bytes.
    #[test]
    fn where_nothing_changes_the_public_line_is_the_raw_one() {
        let received = record("StockReceived", r#"{"quantity":1 ,"reference":"\n"}"#);
        assert_eq!(
            text(public(&received)),
            concat!(
                r#"{"position":7,"event_id":"00000000-0000-0000-0000-000000000001","stream":"stock/TEA-1","#,
                r#""sequence":2,"type":"StockReceived","version":1,"payload":{"quantity":1 ,"reference":"\n"},"#,
                r#""metadata":{"actor":"bob"},"recorded_at":"2023-11-14T22:13:20Z"}"#,
                "\n"
            )
        );
        assert_eq!(public(&received), raw(&received));
    }

    #[test]
    fn what_is_not_public_is_only_in_the_raw_line() {
        let unknown = record("StockTeleported", r#"{"to":"Mars"}"#);
        assert!(
            text(raw(&unknown)).contains(r#""type":"StockTeleported","version":1,"payload":{"to":"Mars"}"#)
        );
        let public = text(public(&unknown));
        assert!(public.contains(r#""type":"Internal","version":1,"payload":{},"metadata":{}"#), "{public}");
    }
}
