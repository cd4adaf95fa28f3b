//! The working set's accounting.

use std::{sync::Arc, time::Instant};

use chrono::DateTime;
use daybook_domain::{
    Decider,
    external_id::{Event, ExternalIdUse},
    policy::{Action, Actor, Demand},
};

use super::*;
use crate::{context::Context, work::Work};

fn stream(number: usize) -> StreamId {
    StreamId { kind: ExternalIdUse::KIND, id: number.to_string().into() }
}

/// A state of about so many bytes.
fn state(bytes: usize) -> StreamState {
    let state = ExternalIdUse::default().evolve(&Event::Taken { by: "x".repeat(bytes) });
    StreamState::new(Version::NONE, Arc::new(state), Epoch::NEVER, Unsaved::default())
}

fn context() -> Context {
    Context {
        actor: Actor::person("alice", []),
        command_id: Uuid::from_u128(1),
        request_id: "of-a-test".into(),
        cause: None,
        traceparent: None,
        deadline: Instant::now(),
        now: DateTime::default(),
        key: None,
        if_match: None,
    }
}

fn bounded(max_streams: usize, max_bytes: usize) -> WorkingSet {
    WorkingSet::new(NonZeroUsize::new(max_streams).expect("not zero"), max_bytes)
}

fn counted(set: &WorkingSet) -> usize {
    set.streams.iter().map(|(_, state)| state.bytes()).sum()
}

/// Catches: a way in or out that is not counted.
#[test]
fn what_the_set_weighs_is_the_sum_of_its_states() {
    let mut set = bounded(20, 20_000);
    let mut expectations = Expectations::new();
    let context = context();
    // Numbers without a pattern, the same in each run.
    let mut chosen = 12_345_usize;
    for _ in 0..5_000 {
        chosen = chosen.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
        let (what, which, bytes) = (chosen >> 4 & 7, chosen >> 8 & 31, chosen >> 13 & 2_047);
        match what {
            0..4 => drop(set.insert(stream(which), state(bytes))),
            4 => set.forget([&stream(which)]),
            5 => set.trim(&Expectations::new()),
            6 => {
                let mut work = Work::new(&mut set, &mut expectations, &context);
                work.begin::<ExternalIdUse>(&which.to_string());
                let told_to = Demand { action: Action::ReadOrder, owner: None };
                let take = daybook_domain::external_id::Command::Take { by: "y".repeat(bytes), told_to };
                let _ = work.execute::<ExternalIdUse>(&which.to_string(), take);
                if which % 2 == 0 {
                    work.take_back();
                }
            }
            _ => {
                let mut other = bounded(20, 20_000);
                std::mem::swap(&mut set, &mut other);
                other.drain_into(&mut set);
            }
        }
        assert_eq!(set.bytes(), counted(&set));
    }
    set.clear();
    assert_eq!(set.bytes(), 0);
}

#[test]
fn heavy_states_fall_out_before_their_number_is_reached() {
    let mut set = bounded(1_000, 50_000);
    for number in 0..100 {
        set.insert(stream(number), state(10_000));
        set.trim(&Expectations::new());
        assert!(set.bytes() <= 50_000);
        assert!(set.contains(&stream(number)), "the newest stays");
    }
    assert!(!set.contains(&stream(90)), "the oldest goes");
    assert_eq!(set.streams.len(), 4);
}

/// Catches: a batch's streams being let go, when they are heavy, before it is appended.
#[test]
fn streams_of_the_batch_ahead_stay_however_heavy() {
    let mut set = bounded(1_000, 1_000);
    let mut ahead = Expectations::new();
    for number in 0..10 {
        set.insert(stream(number), state(10_000));
        if number < 3 {
            let wanted = Wanted::of::<ExternalIdUse>(&number.to_string());
            ahead.insert(stream(number), Expectation { version: Version::NONE, epoch: Epoch::NEVER, wanted });
        }
    }
    set.trim(&ahead);
    assert_eq!(set.streams.len(), 3);
    assert!((0..3).all(|number| set.contains(&stream(number))));
    assert_eq!(set.bytes(), counted(&set));
    set.trim(&Expectations::new());
    assert_eq!(set.bytes(), 0, "even one that is heavier than the whole set may be");
}
