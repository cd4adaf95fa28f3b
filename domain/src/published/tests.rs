//! What others were promised: each public type, in the words of a golden file of its own.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{public_type::as_stored, *};
use crate::stored::tests::{Line, kinds, lines};

/// Public events as releases wrote them, one a line: each type and version, made from the golden file of
/// stored events. Lines are added; the lines of a version that is no longer made stay as they are.
const GOLDEN: &str = include_str!("../../testdata/published_events.ndjson");

/// Stored events that are not public, on purpose.
const NOT_PUBLIC: &[(&str, &str)] = &[("external_id", "ExternalIdTaken")];

#[derive(Deserialize)]
struct PublicLine {
    r#type: String,
    version: u16,
    payload: Value,
}

fn record(kind: &str, name: &str, version: &str, payload: &str) -> Record {
    Record {
        position: Position(7),
        event_id: Uuid::from_u128(1),
        aggregate_type: kind.to_owned(),
        aggregate_id: "TEA-1".into(),
        sequence: 2,
        event_type: name.to_owned(),
        event_version: version.to_owned(),
        payload: RawValue::from_string(payload.to_owned()).expect("JSON"),
        metadata: BTreeMap::from([("actor".into(), "bob".into()), ("session".into(), "secret".into())]),
        recorded_at: DateTime::from_timestamp(1_700_000_000, 0).expect("a time"),
    }
}

fn record_of(line: &Line) -> Record {
    record(&line.kind, &line.name, &line.version, line.payload.get())
}

fn public(name: &str) -> &'static PublicType {
    types().find(|public| public.name == name).unwrap_or_else(|| panic!("{name} is no public type"))
}

/// A line for the golden file.
fn written(event: &Published) -> String {
    let webhook = json!(public(event.r#type).webhook);
    let (name, version) = (event.r#type, event.version);
    format!(r#"{{"type":"{name}","webhook":{webhook},"version":{version},"payload":{}}}"#, event.payload)
}

/// What differs between the golden file and what is made of the stored one.
fn differences(golden: &str) -> Vec<String> {
    let stored: Vec<Record> = lines().iter().map(record_of).collect();
    let made: BTreeSet<String> = stored.iter().map(|record| written(&publish(record))).collect();
    let golden: BTreeSet<&str> = golden.lines().collect();
    let added = made.iter().filter(|line| !golden.contains(line.as_str())).map(|line| format!("+ {line}"));
    let is_past = |line: &str| {
        let line: PublicLine = serde_json::from_str(line).expect("a line of the golden file");
        line.version < public(&line.r#type).version
    };
    let gone = golden.iter().filter(|line| !made.contains(**line) && !is_past(line));
    added.chain(gone.map(|line| format!("- {line}"))).collect()
}

const NOTHING: Vec<String> = vec![];

/// Catches: a public event that changed because a stored one did, and an event without a line.
#[test]
fn every_public_event_is_written_as_others_were_promised() {
    assert_eq!(differences(GOLDEN), NOTHING, "raise the version, then add lines");
}

#[test]
fn a_line_that_is_missing_from_the_golden_file_or_was_edited_is_noticed() {
    let (first, rest) = GOLDEN.split_once('\n').expect("many lines");
    assert_eq!(differences(rest), [format!("+ {first}")]);
    assert_eq!(differences(&GOLDEN.replacen("Teapot", "Kettle", 1)).len(), 2);
}

#[test]
fn every_public_type_has_a_line_of_each_of_its_versions() {
    let golden: Vec<PublicLine> =
        GOLDEN.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    for public in types() {
        for version in 1..=public.version {
            let has_line = golden.iter().any(|line| line.r#type == public.name && line.version == version);
            assert!(has_line, "{} {version}", public.name);
        }
    }
}

/// A new event must either be published or be named here as one that is not.
#[test]
fn every_stored_event_is_public_or_is_named_as_one_that_is_not() {
    let is_public = |kind: &str, name: &str| {
        FAMILIES.iter().any(|f| f.kind == kind && f.types.iter().any(|public| public.stored == name))
    };
    for (kind, of_kind) in kinds() {
        for name in &of_kind.names {
            let is_internal = NOT_PUBLIC.contains(&(kind, name.as_str()));
            assert!(is_public(kind, name) != is_internal, "{kind} {name}");
        }
    }
    let stored: usize = kinds().values().map(|kind| kind.names.len()).sum();
    assert_eq!(stored, types().count() - 1 + NOT_PUBLIC.len(), "a type is made of an event that isn't there");
}

/// The name and the fields are what documents are made from.
#[test]
fn every_type_and_field_is_documented_and_occurs() {
    let names: BTreeSet<&str> = types().map(|public| public.name).collect();
    let webhooks: BTreeSet<&str> = types().filter_map(|public| public.webhook).collect();
    assert_eq!((names.len(), webhooks.len()), (types().count(), types().count() - 1), "each has its own");
    let golden: Vec<PublicLine> =
        GOLDEN.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
    for public in types() {
        assert!(public.description.ends_with('.'), "{}", public.name);
        let payloads = golden.iter().filter(|line| line.r#type == public.name).map(|line| &line.payload);
        occur(public.name, public.fields, &payloads.collect::<Vec<_>>());
    }
}

fn occur(whose: &str, fields: &[Field], payloads: &[&Value]) {
    assert!(fields.len() < 64, "{whose}: they are counted in 64 bits");
    for Field { name, shape, description, .. } in fields {
        assert!(description.ends_with('.'), "{whose} {name}");
        let values: Vec<&Value> = payloads.iter().filter_map(|payload| payload.get(name)).collect();
        assert!(!values.is_empty(), "{whose} {name} is in no line");
        match shape {
            Shape::Object(fields) => occur(name, fields, &values),
            Shape::Objects(fields) => {
                let elements = values.into_iter().filter_map(Value::as_array).flatten();
                occur(name, fields, &elements.collect::<Vec<_>>());
            }
            Shape::Text | Shape::Integer | Shape::Boolean | Shape::Texts => {}
        }
    }
}

#[test]
fn what_is_public_as_it_is_stored_is_not_written_anew() {
    let record = record("stock", "StockReceived", "1", r#"{ "quantity" :1 }"#);
    let event = publish(&record);
    assert!(std::ptr::eq(event.payload.get(), record.payload.get()));
    assert_eq!(
        String::from_utf8(event.to_json()).expect("UTF-8"),
        concat!(
            r#"{"position":7,"event_id":"00000000-0000-0000-0000-000000000001","stream":"stock/TEA-1","#,
            r#""sequence":2,"type":"StockReceived","version":1,"payload":{ "quantity" :1 },"#,
            r#""metadata":{"actor":"bob"},"recorded_at":"2023-11-14T22:13:20Z"}"#,
        )
    );
}

/// One to one: whatever a record is, an event stands at its place.
#[test]
fn what_is_not_public_or_not_known_leaves_no_gap() {
    for (kind, name, version, payload) in [
        ("external_id", "ExternalIdTaken", "1", r#"{"by":"ord_1"}"#),
        ("parcel", "ParcelPacked", "1", r#"{"grams":1}"#),
        ("order", "OrderTeleported", "1", "{}"),
        // Another kind's event.
        ("order", "StockReceived", "1", r#"{"quantity":1}"#),
        ("order", "OrderConfirmed", "2", "{}"),
        ("order", "OrderConfirmed", "0", "{}"),
        ("order", "OrderConfirmed", "one", "{}"),
        ("order", "OrderConfirmed", "", "{}"),
        ("order", "OrderConfirmed", "1", "[1]"),
        ("order", "OrderConfirmed", "1", "null"),
        ("order", "OrderConfirmed", "65536", "{}"),
        ("stock", "StockReceived", "1", "{}"),
        ("stock", "StockReceived", "1", r#"{"quantity":"many"}"#),
        ("stock", "StockReceived", "1", r#"{"quantity":1.5}"#),
        ("stock", "StockReceived", "1", r#"{"quantity":9223372036854775808}"#),
        ("stock", "StockReceived", "1", r#"{"quantity":1,"quantity":2}"#),
        ("product", "ProductPriceSet", "1", r#"{"price":{"amount":1}}"#),
        ("product", "Internal", "1", "{}"),
        ("", "", "", "{}"),
    ] {
        let record = record(kind, name, version, payload);
        let event = publish(&record);
        let of_record = (record.position, record.event_id, record.sequence, record.recorded_at);
        assert_eq!((event.position, event.event_id, event.sequence, event.recorded_at), of_record);
        assert_eq!(event.stream, format!("{kind}/TEA-1"));
        let told = (event.r#type, event.version, event.payload.get(), event.metadata.len());
        assert_eq!(told, ("Internal", 1, "{}", 0), "{kind} {name} {version} {payload}");
    }
}

/// Catches: a member that a later release stores, and that was published without a decision.
#[test]
fn what_no_field_names_stays_inside() {
    let placed = json!({
        "lines": [{"sku": "A", "name": "Tea", "quantity": 1, "cost": {"amount": 1},
                   "unit_price": {"amount": 5, "currency": "EUR", "rounded": "up"}}],
        "currency": "EUR", "total": {"amount": 5, "currency": "EUR"}, "risk": [1.5, {"score": null}],
        "metadata": {"any": "name"},
    });
    let record = record("order", "OrderPlaced", "1", &placed.to_string());
    let event = publish(&record);
    assert_eq!(event.r#type, "OrderPlaced");
    let told: Value = serde_json::from_str(event.payload.get()).expect("JSON");
    let expected = json!({
        "lines": [{"sku": "A", "name": "Tea", "quantity": 1, "unit_price": {"amount": 5, "currency": "EUR"}}],
        "currency": "EUR", "total": {"amount": 5, "currency": "EUR"}, "metadata": {"any": "name"},
    });
    assert_eq!(told, expected);
}

#[test]
fn stored_names_are_found_by_public_ones() {
    let names = |of: &[&str]| stored_names(&of.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    assert_eq!(names(&["OrderPlaced", "Nothing"]), Some(vec!["OrderPlaced"]));
    assert_eq!(names(&["ExternalIdTaken"]), Some(vec![]));
    assert_eq!(names(&["OrderPlaced", "Internal"]), None);
    let internal = record("order", "OrderPlaced", "1", "{}");
    assert!(publish(&internal).is_one_of(&[]) && !publish(&internal).is_one_of(&["OrderPlaced".into()]));
}

/// A kind of stream whose stored event was changed twice, and its public one never.
const PARCELS: &[Family] = &[Family {
    kind: "parcel",
    steps: &[Step {
        name: "ParcelWeighed",
        from: 1,
        change: |event| {
            *event = json!({"weight": {"grams": event["kilograms"].as_i64().unwrap_or(0) * 1_000}})
        },
    }],
    types: &[PublicType {
        stored: "ParcelWeighed",
        adapt: Some(|event| *event = json!({"grams": event["weight"]["grams"], "by": event["by"]})),
        ..as_stored(
            "ParcelPacked",
            "parcel.packed",
            "A parcel was packed.",
            &[fields::integer("grams", "Grams.")],
        )
    }],
}];

#[test]
fn a_stored_shape_may_change_and_a_public_one_stays() {
    for (version, stored) in [("1", r#"{"kilograms":2}"#), ("2", r#"{"weight":{"grams":2000},"by":"bob"}"#)] {
        let record = record("parcel", "ParcelWeighed", version, stored);
        let event = publish_as(PARCELS, &record);
        let told = (event.r#type, event.version, event.payload.get());
        assert_eq!(told, ("ParcelPacked", 1, r#"{"grams":2000}"#), "{version}");
    }
    let of_a_newer_release = record("parcel", "ParcelWeighed", "3", "{}");
    assert_eq!(publish_as(PARCELS, &of_a_newer_release).r#type, "Internal");
}
