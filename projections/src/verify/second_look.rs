//! A second, independent reading of the log: streams through postgres-es, whose table layout ours is.
//! What both readings fold to must be the same. Outside of this file and the commands' host, nothing
//! here knows cqrs-es.

use std::{convert::Infallible, marker::PhantomData};

use cqrs_es::{
    Aggregate, DomainEvent,
    event_sink::EventSink,
    persist::{PersistedEventRepository, SerializedEvent},
};
use daybook_domain::{Decider, stored::decode};
use postgres_es::PostgresEventRepository;
use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;
use sqlx::PgPool;

/// Streams of each kind that are looked at again.
const SAMPLES: usize = 50;

/// Some of the streams of a kind, each as likely as the others, and what they folded to.
pub(super) struct Sample<D> {
    seen: usize,
    streams: Vec<(String, usize, D)>,
}

impl<D: Decider + PartialEq> Sample<D> {
    pub fn new() -> Self {
        Self { seen: 0, streams: vec![] }
    }

    /// A stream of `events` events that folded to `state`.
    pub fn offer(&mut self, id: &str, events: usize, state: &D) {
        self.seen += 1;
        let place = rand::random_range(0..self.seen);
        let stream = || (id.to_owned(), events, state.clone());
        if self.streams.len() < SAMPLES {
            self.streams.push(stream());
        } else if let Some(replaced) = self.streams.get_mut(place) {
            *replaced = stream();
        }
    }

    /// What is wrong with each that reads differently.
    pub async fn compare(self, pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
        let repository = PostgresEventRepository::new(pool.clone());
        let mut wrong = Vec::new();
        for (id, count, state) in self.streams {
            let events = repository.get_events::<Stream<D>>(&id).await;
            let events = events.map_err(|error| sqlx::Error::Protocol(error.to_string()))?;
            let again = fold::<D>(events.get(..count).unwrap_or(&events));
            if again.as_ref() != Ok(&state) {
                wrong.push(format!("{}/{id}: postgres-es reads {again:?}, not {state:?}", D::KIND));
            }
        }
        Ok(wrong)
    }
}

fn fold<D: Decider>(events: &[SerializedEvent]) -> Result<D, String> {
    events.iter().try_fold(D::default(), |state, event| {
        let payload = to_raw_value(&event.payload).map_err(|error| error.to_string())?;
        let event = decode(&event.aggregate_type, &event.event_type, &event.event_version, &payload);
        event.map(|event| state.evolve(&event)).map_err(|error| error.to_string())
    })
}

/// Tells postgres-es which kind of stream to read; it decides nothing.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
struct Stream<D>(PhantomData<D>);

impl<D> Default for Stream<D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NoEvent;

impl DomainEvent for NoEvent {
    fn event_type(&self) -> String {
        String::new()
    }

    fn event_version(&self) -> String {
        String::new()
    }
}

impl<D: Decider> Aggregate for Stream<D> {
    const TYPE: &'static str = D::KIND;
    type Command = ();
    type Event = NoEvent;
    type Error = Infallible;
    type Services = ();

    async fn handle(&mut self, (): (), (): &(), _: &EventSink<Self>) -> Result<(), Infallible> {
        Ok(())
    }

    fn apply(&mut self, _: NoEvent) {}
}
