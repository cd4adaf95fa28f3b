//! A kind of stream with a past: an event that was stored in three shapes. Everything that reads events
//! reads its old ones as today's.

use chrono::DateTime;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{Code, Position, Record, decider, upcast::Step};

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Parcel {
    grams: i64,
}

/// Version 1 told the weight in kilograms, version 2 as a text of grams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Packed {
    #[serde(rename = "ParcelPacked")]
    Packed { grams: i64, by: String },
    #[serde(rename = "ParcelSent")]
    Sent {},
}

#[derive(Debug, thiserror::Error)]
enum Never {}

impl decider::Rejection for Never {
    const CODES: &'static [Code] = &[];

    fn code(&self) -> Code {
        match *self {}
    }
}

impl decider::Event for Packed {
    const STEPS: &'static [Step] = &[
        Step { name: "ParcelPacked", from: 1, change: kilograms_to_text },
        Step { name: "ParcelPacked", from: 2, change: text_to_grams },
    ];

    fn name(&self) -> &'static str {
        match self {
            Self::Packed { .. } => "ParcelPacked",
            Self::Sent {} => "ParcelSent",
        }
    }

    fn version(&self) -> u16 {
        match self {
            Self::Packed { .. } => 3,
            Self::Sent {} => 1,
        }
    }
}

fn kilograms_to_text(event: &mut Value) {
    let kilograms = event["kilograms"].as_i64().unwrap_or_default();
    *event = json!({ "weight": format!("{} g", kilograms * 1_000) });
}

fn text_to_grams(event: &mut Value) {
    let grams = event["weight"].as_str().and_then(|text| text.trim_end_matches(" g").parse::<i64>().ok());
    *event = json!({ "grams": grams.unwrap_or_default(), "by": "nobody knows" });
}

impl Decider for Parcel {
    const KIND: &'static str = "parcel";
    type Command = ();
    type Event = Packed;
    type Rejection = Never;
    const SHAPE: u16 = 1;

    fn decide(&self, (): ()) -> Result<Vec<Packed>, Never> {
        Ok(vec![])
    }

    fn evolve(self, event: &Packed) -> Self {
        match event {
            Packed::Packed { grams, .. } => Self { grams: self.grams + grams },
            Packed::Sent {} => self,
        }
    }

    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

const PAST: &str = r#"{"kind":"parcel","name":"ParcelPacked","version":"1","payload":{"kilograms":2}}
{"kind":"parcel","name":"ParcelPacked","version":"2","payload":{"weight":"300 g"}}
{"kind":"parcel","name":"ParcelPacked","version":"3","payload":{"grams":4,"by":"bob"}}
{"kind":"parcel","name":"ParcelSent","version":"1","payload":{}}"#;

fn parcels() -> BTreeMap<&'static str, Kind> {
    BTreeMap::from([kind::<Parcel>()])
}

fn record(line: Line) -> Record {
    Record {
        position: Position(1),
        event_id: Uuid::nil(),
        aggregate_type: line.kind,
        aggregate_id: "N7".into(),
        sequence: 1,
        event_type: line.name,
        event_version: line.version,
        payload: line.payload,
        metadata: BTreeMap::new(),
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

#[test]
fn an_old_shape_walks_through_every_step() {
    let read: Vec<Packed> = lines_of(PAST)
        .into_iter()
        .map(|line| record(line).event::<Parcel>().expect("readable").expect("a parcel's"))
        .collect();
    let packed = |grams, by: &str| Packed::Packed { grams, by: by.into() };
    let unknown = "nobody knows";
    assert_eq!(read, [packed(2_000, unknown), packed(300, unknown), packed(4, "bob"), Packed::Sent {}]);
    assert_eq!(decider::fold::<Parcel>(&read).grams, 2_304);
}

#[test]
fn what_is_shown_of_an_old_event_has_todays_shape() {
    for line in lines_of(PAST).into_iter().take(2) {
        let today = encode(&record(line).decode::<Packed>().expect("readable"));
        assert_eq!((today.name, today.version), ("ParcelPacked", 3));
        assert!(today.payload.contains(r#""by":"nobody knows""#), "{}", today.payload);
    }
}

#[test]
fn a_golden_file_with_a_past_is_complete() {
    let lines = lines_of(PAST);
    assert_eq!(unreadable(&lines, &parcels()), NOTHING);
    assert_eq!(missing(&lines, &parcels()), NOTHING);
    assert_eq!(written_differently(&lines, &parcels()), NOTHING);
}

/// A new event, or a new version of one, needs a line in the golden file; the failure names the missing one.
#[test]
fn a_line_that_is_missing_from_a_golden_file_is_noticed() {
    let names =
        ["parcel ParcelPacked 1", "parcel ParcelPacked 2", "parcel ParcelPacked 3", "parcel ParcelSent 1"];
    for (index, name) in names.into_iter().enumerate() {
        let mut lines = lines_of(PAST);
        lines.remove(index);
        assert_eq!(missing(&lines, &parcels()), [name]);
    }
}

#[test]
fn a_line_that_was_edited_is_noticed() {
    let edited = PAST.replace(r#""grams":4,"by":"bob""#, r#""by":"bob","grams":4,"more":1"#);
    assert_eq!(written_differently(&lines_of(&edited), &parcels()).len(), 1);
    let broken = PAST.replace(r#""by":"bob""#, r#""who":"bob""#);
    assert_eq!(unreadable(&lines_of(&broken), &parcels()).len(), 1);
}

/// Catches: a version that was raised without a step that leads to it.
#[test]
fn an_old_version_without_a_step_is_not_taken_for_todays() {
    let payload = RawValue::from_string(r#"{"grams":1,"by":"bob"}"#.into()).expect("JSON");
    assert!(decode::<Packed>("parcel", "ParcelPacked", "3", &payload).is_ok());
    for version in ["0", "4"] {
        assert!(decode::<Packed>("parcel", "ParcelPacked", version, &payload).is_err(), "{version}");
    }
}
