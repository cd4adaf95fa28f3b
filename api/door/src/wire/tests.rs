//! Bytes as the protocol has them, put together by hand here: number of the field, kind of value, value.

use std::collections::BTreeMap;

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

fn entry(key: &str, value: &str) -> Vec<u8> {
    message(6, &[bytes(1, key), bytes(2, value)])
}

fn record() -> Record {
    Record {
        position: Position(300),
        event_id: Uuid::from_u128(0x0102_0304_0506_0708_f900_0000_0000_0001),
        aggregate_type: "stock".into(),
        aggregate_id: "TEA-1".into(),
        sequence: 2,
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

const CUSTOM: &str = r#"{"actor":"bob","request_id":"r","version":1,"$correlationId":"r"}"#;

fn sent(form: &Form) -> Vec<u8> {
    event(publish(&record()), form).encode_to_vec()
}

/// The event of [`record`] with this id.
fn event_fields(id: Vec<u8>) -> Vec<Vec<u8>> {
    vec![
        id,
        message(2, &[bytes(3, "stock-TEA-1")]),
        number(3, 1),
        number(4, 300),
        number(5, 300),
        entry("content-type", "application/json"),
        entry("created", "17000000000000010"),
        entry("type", "StockReceived"),
        bytes(7, CUSTOM),
        bytes(8, r#"{"quantity":5}"#),
    ]
}

#[test]
fn an_event_is_sent_as_its_public_event() {
    let id = message(1, &[bytes(2, "01020304-0506-0708-f900-000000000001")]);
    let expected = message(1, &[message(1, &event_fields(id)), number(3, 300)]);
    assert_eq!(sent(&Form { ids: Ids::Text, links: None }), expected);
}

/// Catches: halves in the wrong order, and a highest bit that is lost.
#[test]
fn an_id_is_sent_as_two_signed_numbers_to_clients_that_ask_for_them() {
    let id = message(1, &[message(1, &[number(1, 0x0102_0304_0506_0708), number(2, 0xf900_0000_0000_0001)])]);
    let expected = message(1, &[message(1, &event_fields(id)), number(3, 300)]);
    assert_eq!(sent(&Form { ids: Ids::Numbers, links: None }), expected);
}

#[test]
fn a_link_comes_with_its_event_or_alone() {
    let id = || message(1, &[bytes(2, "01020304-0506-0708-f900-000000000001")]);
    let link = [
        id(),
        message(2, &[bytes(3, "$ce-stock")]),
        number(3, 300),
        number(4, 300),
        number(5, 300),
        entry("content-type", "application/octet-stream"),
        entry("created", "17000000000000010"),
        entry("type", "$>"),
        bytes(8, "1@stock-TEA-1"),
    ];
    let links = |resolved| Some(Links { stream: "$ce-stock".into(), resolved });
    let both = message(1, &[message(1, &event_fields(id())), message(2, &link), number(3, 300)]);
    assert_eq!(sent(&Form { ids: Ids::Text, links: links(true) }), both);
    let alone = message(1, &[message(1, &link), number(3, 300)]);
    assert_eq!(sent(&Form { ids: Ids::Text, links: links(false) }), alone);
}

#[test]
fn what_is_not_public_keeps_its_place_and_nothing_else() {
    let teleported = Record { event_type: "StockTeleported".into(), ..record() };
    let sent = event(publish(&teleported), &Form { ids: Ids::Text, links: None }).encode_to_vec();
    let id = message(1, &[bytes(2, "01020304-0506-0708-f900-000000000001")]);
    let mut fields = event_fields(id);
    fields[7] = entry("type", "Internal");
    fields[8] = bytes(7, r#"{"version":1}"#);
    fields[9] = bytes(8, "{}");
    assert_eq!(sent, message(1, &[message(1, &fields), number(3, 300)]));
}

#[test]
fn what_is_said_beside_events_has_its_form() {
    let now = DateTime::from_timestamp(1_700_000_000, 5).expect("a time");
    let time = |field| message(field, &[number(1, 1_700_000_000), number(2, 5)]);
    let said = |said: ReadResp| said.encode_to_vec();
    assert_eq!(
        said(confirmation(Uuid::from_u128(1))),
        message(2, &[bytes(1, "00000000-0000-0000-0000-000000000001")])
    );
    assert_eq!(said(checkpoint(Position(7), now)), message(3, &[number(1, 7), number(2, 7), time(3)]));
    assert_eq!(said(stream_not_found("order-x".into())), message(4, &[message(1, &[bytes(3, "order-x")])]));
    assert_eq!(said(last_stream_position(3)), number(6, 3));
    let in_log = caught_up(Place::InLog(Position(7)), now);
    assert_eq!(said(in_log), message(8, &[time(1), message(3, &[number(1, 7), number(2, 7)])]));
    assert_eq!(said(caught_up(Place::InLog(Position::START), now)), message(8, &[time(1)]));
    assert_eq!(said(caught_up(Place::InStream(Some(0)), now)), message(8, &[time(1), number(2, 0)]));
    assert_eq!(said(caught_up(Place::InStream(None), now)), message(8, &[time(1)]));
}
