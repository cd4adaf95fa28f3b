use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use arrow_array::{cast::AsArray, types::Int64Type};
use chrono::DateTime;
use daybook_domain::{Position, published::INTERNAL};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::*;

/// A line for each column, of every type and of each. Readers rely on names and types: lines are added at the end of a type, and none
/// is changed.
const GOLDEN: &str = include_str!("../../../testdata/columns.txt");

#[test]
fn columns_are_those_that_others_were_promised() {
    let mut written = "every type\n".to_owned();
    let write = |written: &mut String, columns: &[Arc<Column>]| {
        for column in columns {
            let _ = writeln!(written, "  {}: {}", column.name(), column.data_type());
        }
    };
    let of_all = schema_of(INTERNAL.name);
    write(&mut written, of_all.fields());
    for public in published::types().filter(|public| public.name != INTERNAL.name) {
        let schema = schema_of(public.name);
        let (common, own) = schema.fields().split_at(of_all.fields().len());
        assert_eq!(common, &of_all.fields()[..]);
        let _ = writeln!(written, "{}", public.name);
        write(&mut written, own);
    }
    assert_eq!(GOLDEN, written);
}

#[test]
fn no_member_of_a_payload_is_called_like_a_column_of_every_event() {
    for public in published::types() {
        let schema = schema_of(public.name);
        let mut names: Vec<_> = schema.fields().iter().map(|column| column.name().as_str()).collect();
        // These are said by the folders.
        names.extend(["type", "day"]);
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "{}", public.name);
    }
}

fn event<'a>(name: &'a str, version: u16, payload: &str) -> Published<'a> {
    Published {
        position: Position(7),
        event_id: Uuid::nil(),
        stream: "order/ord_1".into(),
        sequence: 2,
        r#type: name,
        version,
        payload: Cow::Owned(RawValue::from_string(payload.into()).expect("JSON")),
        metadata: BTreeMap::from([
            ("actor", "ann"),
            ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ]),
        recorded_at: DateTime::from_timestamp_micros(1_700_000_000_000_001).expect("a time"),
    }
}

fn batch(events: &[Published<'_>]) -> RecordBatch {
    let mut rows = Rows::of(events[0].r#type);
    events.iter().for_each(|event| rows.push(event));
    rows.take().expect("columns")
}

fn text<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    batch.column_by_name(name).expect(name).as_string::<i32>().iter().collect()
}

#[test]
fn members_become_columns_and_the_payload_stays() {
    let placed = r#"{"customer":"al\"ice","lines":[{"sku":"A","name":"é","quantity":2,"unit_price":{"amount":5,"currency":"EUR"}}],"currency":"EUR","total":{"amount":10,"currency":"EUR"},"metadata":{"a":"1"}}"#;
    let guest = r#"{"lines":[],"currency":"EUR","total":{"amount":0,"currency":"EUR"}}"#;
    let batch = batch(&[event("OrderPlaced", 1, placed), event("OrderPlaced", 1, guest)]);
    assert_eq!(text(&batch, "customer"), [Some("al\"ice"), None]);
    assert_eq!(text(&batch, "payload"), [Some(placed), Some(guest)]);
    assert_eq!(text(&batch, "id"), [Some("ord_1"); 2]);
    assert_eq!(text(&batch, "trace_id"), [Some("0af7651916cd43dd8448eb211c80319c"); 2]);
    let total = batch.column_by_name("total").expect("it is there").as_struct();
    assert_eq!(total.column(0).as_primitive::<Int64Type>().values(), &[10, 0]);
    let lines = batch.column_by_name("lines").expect("it is there").as_list::<i32>();
    assert_eq!((lines.value_length(0), lines.value_length(1)), (1, 0));
    assert_eq!(batch.column_by_name("metadata").expect("it is there").as_map().value_length(0), 1);
}

/// Another server's release may know more than this one.
#[test]
fn what_is_of_another_version_or_shape_is_in_the_text_alone() {
    let other = r#"{"quantity":"many"}"#;
    let batch = batch(&[
        event("StockReceived", 1, r#"{"quantity":5}"#),
        event("StockReceived", 2, r#"{"quantity":6}"#),
        event("StockReceived", 1, other),
    ]);
    let quantity = batch.column_by_name("quantity").expect("it is there").as_primitive::<Int64Type>();
    assert_eq!(quantity.iter().collect::<Vec<_>>(), [Some(5), None, None]);
    assert_eq!(text(&batch, "payload")[2], Some(other));
    let unknown = self::batch(&[event("OrderTeleported", 1, r#"{"to":"Mars"}"#)]);
    assert_eq!(unknown.num_columns(), schema_of(INTERNAL.name).fields().len());
    assert_eq!(text(&unknown, "payload"), [Some(r#"{"to":"Mars"}"#)]);
}
