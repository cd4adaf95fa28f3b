//! What was ever stored is read for ever.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::*;
use crate::{Decider, external_id::ExternalIdUse, order::Order, product::Product, stock::Stock};

/// Events as releases wrote them, one a line. Lines are added, with each new event and each new
/// version of one; none is ever edited.
const GOLDEN: &str = include_str!("../../testdata/stored_events.ndjson");

/// What those events come to, one state a line, as snapshots of today's shape keep it.
const STATES: &str = include_str!("../../testdata/states.ndjson");

#[derive(Deserialize)]
struct StateLine {
    kind: String,
    shape: u16,
    state: Box<RawValue>,
}

#[derive(Deserialize)]
struct Line {
    kind: String,
    name: String,
    version: String,
    payload: Box<RawValue>,
}

fn lines() -> Vec<Line> {
    GOLDEN.lines().map(|line| serde_json::from_str(line).expect("a line of the golden file")).collect()
}

/// A kind of stream: what its events are called, and how one is read and written again.
struct Kind {
    names: BTreeSet<String>,
    read_and_write: fn(&Line) -> Result<Stored, Unreadable>,
    shape: u16,
    /// The state after each of the lines, as snapshots keep it.
    states: fn(&[Line]) -> Vec<String>,
}

/// A new aggregate is added here.
fn kinds() -> BTreeMap<&'static str, Kind> {
    fn kind<D: Decider>() -> (&'static str, Kind) {
        let read_and_write = |line: &Line| {
            decode::<D::Event>(&line.kind, &line.name, &line.version, &line.payload)
                .map(|event| encode(&event))
        };
        (D::KIND, Kind { names: names::<D::Event>(), read_and_write, shape: D::SHAPE, states: states::<D> })
    }
    BTreeMap::from([kind::<Product>(), kind::<Stock>(), kind::<Order>(), kind::<ExternalIdUse>()])
}

fn states<D: Decider>(lines: &[Line]) -> Vec<String> {
    let mut state = D::default();
    let of_kind = lines.iter().filter(|line| line.kind == D::KIND);
    of_kind
        .map(|line| {
            let event = decode(&line.kind, &line.name, &line.version, &line.payload).expect("readable");
            state = std::mem::take(&mut state).evolve(&event);
            let text = serde_json::to_string(&state).expect("a state serializes");
            let kept: D = serde_json::from_str(&text).expect("a state that was kept can be read");
            assert_eq!(serde_json::to_string(&kept).expect("a state serializes"), text);
            text
        })
        .collect()
}

/// The stored names of an event's variants. serde lists them when it meets one that it doesn't know,
/// so no list has to be kept, and none can be forgotten.
fn names<E: Event>() -> BTreeSet<String> {
    let error = serde_json::from_str::<E>(r#"{"?":{}}"#).expect_err("no event is called ?").to_string();
    let (_, expected) = error.split_once("expected ").expect("serde says what it expected");
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_event_that_was_ever_stored_can_be_read() {
    let kinds = kinds();
    for line in lines() {
        let kind = kinds.get(line.kind.as_str()).expect("a known kind of stream");
        if let Err(error) = (kind.read_and_write)(&line) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_event_has_a_line_in_the_golden_file() {
    let lines = lines();
    for (kind, Kind { names, .. }) in kinds() {
        let stored: BTreeSet<String> =
            lines.iter().filter(|line| line.kind == kind).map(|line| line.name.clone()).collect();
        assert_eq!(stored, names, "{kind}");
    }
}

/// Catches a field that was renamed, dropped or given another default without a new version.
#[test]
fn an_event_of_todays_version_is_written_as_it_was_read() {
    let kinds = kinds();
    for line in lines() {
        let written = (kinds[line.kind.as_str()].read_and_write)(&line).expect("readable");
        if written.version.to_string() == line.version {
            assert_eq!((written.name, written.payload.as_str()), (line.name.as_str(), line.payload.get()));
        }
    }
}

#[test]
fn what_this_release_cannot_know_is_not_guessed() {
    let read = |name: &str, version: &str, payload: &str| {
        let payload = RawValue::from_string(payload.to_owned()).expect("JSON");
        decode::<<Order as Decider>::Event>("order", name, version, &payload)
    };
    assert!(read("OrderConfirmed", "1", "{}").is_ok());
    for (name, version, payload) in [
        ("OrderTeleported", "1", "{}"),
        ("OrderConfirmed", "2", "{}"),
        ("OrderConfirmed", "one", "{}"),
        ("OrderConfirmed", "", "{}"),
        ("OrderConfirmed", "1", "[1]"),
        ("OrderShipped", "1", "{}"),
        ("OrderCancelled\":{}}", "1", "{}"),
    ] {
        let error = read(name, version, payload).expect_err("unreadable").to_string();
        assert!(error.contains(&format!("{name:?}")), "{error}");
    }
}

#[test]
fn fields_of_a_later_release_are_passed_over() {
    let payload = RawValue::from_string(r#"{"reason":"late","by":"support"}"#.into()).expect("JSON");
    let event = decode::<<Order as Decider>::Event>("order", "OrderCancelled", "1", &payload);
    assert!(event.is_ok());
}

/// Snapshots outlive releases: a state that is written differently, or that the same events don't come
/// to any more, has another shape. Catches: a field of a state renamed, or added with a default.
#[test]
fn a_state_that_is_written_differently_has_another_shape() {
    let lines = lines();
    let kept: Vec<StateLine> =
        STATES.lines().map(|line| serde_json::from_str(line).expect("a line of the states")).collect();
    for (kind, Kind { shape, states, .. }) in kinds() {
        let today = states(&lines);
        let of_kind: Vec<&StateLine> = kept.iter().filter(|line| line.kind == kind).collect();
        for (line, state) in of_kind.iter().zip(&today) {
            let same = line.state.get() == state;
            assert!(
                same || line.shape < shape,
                "states of {kind} have changed: raise its SHAPE, then write its lines anew:\n  {}\n  {state}",
                line.state
            );
        }
        let lines: Vec<String> = today
            .iter()
            .map(|state| format!(r#"{{"kind":"{kind}","shape":{shape},"state":{state}}}"#))
            .collect();
        let written = of_kind.len() == today.len() && of_kind.iter().all(|line| line.shape == shape);
        assert!(written, "these are the lines of {kind} for states.ndjson:\n{}", lines.join("\n"));
    }
}
