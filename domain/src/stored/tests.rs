//! What was ever stored is read for ever.

mod parcel;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::*;
use crate::{
    Decider, account::Account, external_id::ExternalIdUse, order::Order, product::Product, stock::Stock,
    tax::Rates,
};

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
pub(crate) struct Line {
    pub kind: String,
    pub name: String,
    pub version: String,
    pub payload: Box<RawValue>,
}

pub(crate) fn lines() -> Vec<Line> {
    lines_of(GOLDEN)
}

pub(crate) fn lines_of(text: &str) -> Vec<Line> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line of the golden file")).collect()
}

/// A kind of stream: what its events are called, and how one is read and written again.
pub(crate) struct Kind {
    pub names: BTreeSet<String>,
    read_and_write: fn(&Line) -> Result<Stored, Unreadable>,
    shape: u16,
    /// The state after each of the lines, as snapshots keep it.
    states: fn(&[Line]) -> Vec<String>,
}

fn kind<D: Decider>() -> (&'static str, Kind) {
    let read_and_write = |line: &Line| {
        decode::<D::Event>(&line.kind, &line.name, &line.version, &line.payload).map(|event| encode(&event))
    };
    (D::KIND, Kind { names: names::<D::Event>(), read_and_write, shape: D::SHAPE, states: states::<D> })
}

/// A new aggregate is added here.
pub(crate) fn kinds() -> BTreeMap<&'static str, Kind> {
    BTreeMap::from([
        kind::<Product>(),
        kind::<Stock>(),
        kind::<Order>(),
        kind::<ExternalIdUse>(),
        kind::<Account>(),
        kind::<Rates>(),
    ])
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
    assert_eq!(unreadable(&lines(), &kinds()), NOTHING);
}

#[test]
fn every_event_has_a_line_in_the_golden_file() {
    assert_eq!(missing(&lines(), &kinds()), NOTHING);
}

/// Catches a field that was renamed, dropped or given another default without a new version.
#[test]
fn an_event_of_todays_version_is_written_as_it_was_read() {
    assert_eq!(written_differently(&lines(), &kinds()), NOTHING);
}

const NOTHING: Vec<String> = vec![];

/// What is wrong with the lines that can't be read.
fn unreadable(lines: &[Line], kinds: &BTreeMap<&str, Kind>) -> Vec<String> {
    let read = |line: &Line| match kinds.get(line.kind.as_str()) {
        Some(kind) => (kind.read_and_write)(line).err().map(|error| error.to_string()),
        None => Some(format!("there are no streams of kind {:?}", line.kind)),
    };
    lines.iter().filter_map(read).collect()
}

/// Events, and versions of them, that were stored at some time and of which there is no line.
fn missing(lines: &[Line], kinds: &BTreeMap<&str, Kind>) -> Vec<String> {
    let mut missing = Vec::new();
    for (kind, Kind { names, read_and_write, .. }) in kinds {
        for name in names {
            let of_it: Vec<&Line> =
                lines.iter().filter(|line| line.kind == *kind && line.name == *name).collect();
            let versions: BTreeSet<&str> = of_it.iter().map(|line| line.version.as_str()).collect();
            // What was read is of today's version.
            let today =
                of_it.iter().find_map(|line| read_and_write(line).ok()).map_or(1, |today| today.version);
            let absent = (1..=today).filter(|version| !versions.contains(version.to_string().as_str()));
            missing.extend(absent.map(|version| format!("{kind} {name} {version}")));
        }
    }
    missing
}

/// Lines that become something else when they are read and written again: one of today's version must stay
/// as it is, and one of an older version must have become one of today's.
fn written_differently(lines: &[Line], kinds: &BTreeMap<&str, Kind>) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in lines {
        let kind = &kinds[line.kind.as_str()];
        let Ok(today) = (kind.read_and_write)(line) else { continue };
        let payload = RawValue::from_string(today.payload.clone()).expect("a payload is JSON");
        let written = Line {
            kind: line.kind.clone(),
            name: today.name.to_owned(),
            version: today.version.to_string(),
            payload,
        };
        let again = (kind.read_and_write)(&written);
        let stays =
            again.is_ok_and(|again| (again.version, again.payload) == (today.version, today.payload.clone()));
        let changed = written.version == line.version && today.payload != line.payload.get();
        if !stays || changed || written.name != line.name {
            wrong.push(format!("{} {} {}: {}", line.kind, line.name, line.version, today.payload));
        }
    }
    wrong
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
        ("OrderConfirmed", "0", "{}"),
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
