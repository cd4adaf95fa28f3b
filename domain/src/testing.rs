//! Given what happened, when this is asked, then that follows.

use std::fmt::Debug;

use serde_json::value::RawValue;

use crate::{
    decider::{Decider, fold},
    stored::{decode, encode},
};

pub fn given<D: Decider>(events: impl IntoIterator<Item = D::Event>) -> Given<D> {
    let events: Vec<D::Event> = events.into_iter().collect();
    Given { state: fold(&events) }
}

pub struct Given<D: Decider> {
    state: D,
}

impl<D: Decider> Given<D> {
    pub fn when(self, command: D::Command) -> Outcome<D> {
        Outcome { decided: self.state.decide(command) }
    }
}

pub struct Outcome<D: Decider> {
    decided: Result<Vec<D::Event>, D::Rejection>,
}

impl<D: Decider> Outcome<D> {
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = D::Event>) {
        let expected: Vec<D::Event> = expected.into_iter().collect();
        match self.decided {
            Ok(events) => assert_eq!(events, expected),
            Err(rejection) => panic!("expected {expected:?}, was refused: {rejection}"),
        }
    }

    #[track_caller]
    #[allow(clippy::needless_pass_by_value, reason = "so that a test reads as a sentence")]
    pub fn rejected(self, expected: D::Rejection)
    where
        D::Rejection: PartialEq + Debug,
    {
        match self.decided {
            Ok(events) => panic!("expected {expected:?}, but {events:?} followed"),
            Err(rejection) => assert_eq!(rejection, expected),
        }
    }
}

/// A stream that was given commands one after the other: what was accepted, and the state along the way.
#[derive(Debug)]
pub struct History<D: Decider> {
    pub state: D,
    pub events: Vec<D::Event>,
}

impl<D: Decider> History<D> {
    pub fn new() -> Self {
        Self { state: D::default(), events: Vec::new() }
    }

    /// The events that followed, none if the command was refused.
    pub fn ask(&mut self, command: D::Command) -> Vec<D::Event> {
        let events = self.state.decide(command).unwrap_or_default();
        self.state = events.iter().fold(std::mem::take(&mut self.state), D::evolve);
        self.events.extend(events.iter().cloned());
        events
    }

    pub fn of(commands: impl IntoIterator<Item = D::Command>) -> Self {
        let mut history = Self::new();
        for command in commands {
            history.ask(command);
        }
        history
    }
}

/// The events as the log gives them back.
pub fn stored_and_read<D: Decider>(events: &[D::Event]) -> Vec<D::Event> {
    let stored = events.iter().map(encode);
    stored
        .map(|stored| {
            let payload = RawValue::from_string(stored.payload).expect("a payload is JSON");
            decode(D::KIND, stored.name, &stored.version.to_string(), &payload).expect("it was just written")
        })
        .collect()
}
