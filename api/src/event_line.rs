//! A record as analysts read it: one JSON object, the same in every export. Sealed data stays sealed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use daybook_domain::{Position, Record};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Public: add members, never change one.
#[derive(Debug, Serialize)]
pub struct EventLine<'a> {
    /// Place in the log, from 1, without gaps.
    pub position: Position,
    pub event_id: Uuid,
    /// Kind and id: `order/ord_…`.
    pub stream: String,
    /// Place in the stream, from 1, without gaps.
    pub sequence: i64,
    pub r#type: &'a str,
    /// Of the payload's shape; `null` if it wasn't Daybook who wrote it.
    pub version: Option<u16>,
    pub payload: &'a RawValue,
    pub metadata: &'a BTreeMap<String, String>,
    /// RFC 3339, UTC.
    pub recorded_at: DateTime<Utc>,
}

impl<'a> From<&'a Record> for EventLine<'a> {
    fn from(record: &'a Record) -> Self {
        Self {
            position: record.position,
            event_id: record.event_id,
            stream: format!("{}/{}", record.aggregate_type, record.aggregate_id),
            sequence: record.sequence,
            r#type: &record.event_type,
            version: record.event_version.parse().ok(),
            payload: &record.payload,
            metadata: &record.metadata,
            recorded_at: record.recorded_at,
        }
    }
}

impl EventLine<'_> {
    /// A line of NDJSON. Payloads are stored without line breaks, so a record is one line.
    pub fn to_ndjson(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("string keys, and JSON that was read as such");
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_becomes_one_line_with_its_payload_untouched() {
        let record = Record {
            position: Position(7),
            event_id: Uuid::from_u128(1),
            aggregate_type: "stock".into(),
            aggregate_id: "TEA-1".into(),
            sequence: 2,
            event_type: "StockReceived".into(),
            event_version: "1".into(),
            payload: RawValue::from_string(r#"{"b":1.50,"a":"\n"}"#.into()).expect("JSON"),
            metadata: BTreeMap::from([("actor".into(), "bob".into())]),
            recorded_at: DateTime::from_timestamp(1_700_000_000, 0).expect("a time"),
        };
        let line = EventLine::from(&record).to_ndjson();
        assert_eq!(
            String::from_utf8(line).expect("UTF-8"),
            concat!(
                r#"{"position":7,"event_id":"00000000-0000-0000-0000-000000000001","stream":"stock/TEA-1","#,
                r#""sequence":2,"type":"StockReceived","version":1,"payload":{"b":1.50,"a":"\n"},"#,
                r#""metadata":{"actor":"bob"},"recorded_at":"2023-11-14T22:13:20Z"}"#,
                "\n"
            )
        );
    }
}
