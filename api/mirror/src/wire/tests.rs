//! Bytes as the protocol has them, put together by hand here: number of the field, kind of value, value.

use daybook_domain::{Record, published::publish};
use prost::Message;
use serde_json::value::RawValue;

use super::*;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).expect("seven bits"));
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn message(field: u64, fields: &[Vec<u8>]) -> Vec<u8> {
    bytes(field, fields.concat())
}

fn record(sequence: i64) -> Record {
    Record {
        position: Position(300),
        event_id: Uuid::from_u128(0x0102_0304_0506_0708_f900_0000_0000_0001),
        aggregate_type: "stock".into(),
        aggregate_id: "TEA-1".into(),
        sequence,
        event_type: "StockReceived".into(),
        event_version: "1".into(),
        payload: RawValue::from_string(r#"{"quantity":5}"#.into()).expect("JSON"),
        metadata: BTreeMap::from([
            ("actor".into(), "bob".into()),
            ("command".into(), "c".into()),
            ("request_id".into(), "r".into()),
        ]),
        recorded_at: DateTime::from_timestamp_micros(1_700_000_000_000_001).expect("a time"),
    }
}

fn said(record: &Record) -> Vec<Vec<u8>> {
    let event = event(publish(record));
    append("stock-TEA-1", &[event]).iter().map(Message::encode_to_vec).collect()
}

#[test]
fn an_event_is_appended_behind_the_one_in_front_of_it() {
    let custom = r#"{"actor":"bob","request_id":"r","version":1,"$correlationId":"r","position":300,"recorded_at":"2023-11-14T22:13:20.000001Z"}"#;
    let entry = |key: &str, value: &str| message(2, &[bytes(1, key), bytes(2, value)]);
    let options = |expected: Vec<u8>| message(1, &[message(1, &[bytes(3, "stock-TEA-1")]), expected]);
    let proposed = message(
        2,
        &[
            message(1, &[bytes(2, "01020304-0506-0708-f900-000000000001")]),
            entry("content-type", "application/json"),
            entry("type", "StockReceived"),
            bytes(3, custom),
            bytes(4, r#"{"quantity":5}"#),
        ],
    );
    assert_eq!(said(&record(3)), [options(number(2, 1)), proposed.clone()]);
    assert_eq!(said(&record(2)), [options(number(2, 0)), proposed.clone()]);
    assert_eq!(said(&record(1)), [options(message(3, &[])), proposed]);
}

#[test]
fn what_is_not_public_is_told_by_its_place_only() {
    let teleported = Record { event_type: "StockTeleported".into(), ..record(1) };
    let ProposedMessage { metadata, custom_metadata, data, .. } = event(publish(&teleported)).message;
    assert_eq!((metadata["type"].as_str(), &data[..]), ("Internal", &b"{}"[..]));
    let custom = r#"{"version":1,"position":300,"recorded_at":"2023-11-14T22:13:20.000001Z"}"#;
    assert_eq!(custom_metadata, custom);
}

#[test]
fn a_read_asks_for_places_and_ids_as_text() {
    let stream = message(1, &[message(1, &[bytes(3, "stock-TEA-1")]), number(2, 7)]);
    let options = [stream, number(5, 3), message(8, &[]), message(9, &[message(2, &[])])];
    assert_eq!(read("stock-TEA-1", 7, 3).encode_to_vec(), message(1, &options));
}

#[test]
fn an_id_is_read_in_both_forms() {
    let expected = Uuid::from_u128(0x0102_0304_0506_0708_f900_0000_0000_0001);
    let (high, low) = expected.as_u64_pair();
    let numbers =
        Structured { most_significant_bits: high.cast_signed(), least_significant_bits: low.cast_signed() };
    for value in [Value::Structured(numbers), Value::String(expected.to_string())] {
        assert_eq!(id(protocol::Uuid { value: Some(value) }), Some(expected));
    }
    assert_eq!(id(protocol::Uuid { value: None }), None);
}

/// Catches: a call that a server refuses for its size, and an event that is never sent because of its own.
#[test]
fn a_call_is_bounded_by_events_and_by_bytes() {
    let sized = |bytes: usize| {
        let mut event = event(publish(&record(1)));
        event.message.data = vec![b' '; bytes].into();
        event
    };
    let of = |sizes: &[usize]| {
        let events: Vec<Event> = sizes.iter().map(|bytes| sized(*bytes)).collect();
        call(&events).len()
    };
    assert_eq!(of(&[10; 1_000]), CALL_EVENTS);
    assert_eq!(of(&[400 << 10; 4]), 2);
    assert_eq!(of(&[2 << 20, 10]), 1);
    assert_eq!(of(&[10, 2 << 20]), 1);
    assert_eq!(of(&[]), 0);
}
