//! Where cqrs-es meets the domain: deciders run as its aggregates, and one command's unit of work is
//! its event store. The only file that knows cqrs-es.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use cqrs_es::{
    Aggregate, AggregateContext, AggregateError, CqrsFramework, DomainEvent, EventEnvelope, EventStore,
    event_sink::EventSink,
};
use daybook_domain::{Decider, Event};
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::task::unconstrained;

/// What followed from a command, and the state after it.
pub struct Decided<D: Decider> {
    pub events: Vec<D::Event>,
    pub state: Arc<D>,
}

/// Decides `command` on `state`. Deciders are pure, so none of the framework's futures ever waits.
pub fn execute<D: Decider>(
    id: &str,
    state: &Arc<D>,
    command: D::Command,
) -> Result<Decided<D>, D::Rejection> {
    let unit = UnitOfWork { before: state, decided: Mutex::new(None) };
    let framework = CqrsFramework::<Hosted<D>, _>::new(&unit, vec![], ());
    // Unconstrained: the framework's own mutex would yield to tokio once the task's budget is spent.
    let done = unconstrained(framework.execute(id, command)).now_or_never().expect("deciding doesn't wait");
    match done {
        Ok(()) => Ok(unit
            .decided
            .into_inner()
            .expect("nobody panicked while deciding")
            .expect("the framework commits what it executed")),
        Err(AggregateError::UserError(rejection)) => Err(rejection),
        Err(other) => unreachable!("a unit of work has no other errors: {other}"),
    }
}

/// A decider as an aggregate. It shares the state with the working set until an event changes it, so a command
/// that is refused, or changes nothing, copies nothing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
struct Hosted<D: Decider>(Arc<D>);

/// A decider's event as a domain event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
struct HostedEvent<E: Event>(E);

impl<E: Event> DomainEvent for HostedEvent<E> {
    fn event_type(&self) -> String {
        self.0.name().to_owned()
    }

    fn event_version(&self) -> String {
        self.0.version().to_string()
    }
}

impl<D: Decider> Aggregate for Hosted<D> {
    const TYPE: &'static str = D::KIND;
    type Command = D::Command;
    type Event = HostedEvent<D::Event>;
    type Error = D::Rejection;
    type Services = ();

    async fn handle(
        &mut self,
        command: D::Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), D::Rejection> {
        for event in self.0.decide(command)? {
            sink.write(HostedEvent(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: HostedEvent<D::Event>) {
        let before = Arc::unwrap_or_clone(std::mem::take(&mut self.0));
        self.0 = Arc::new(before.evolve(&event.0));
    }
}

/// Loads from the working state, and collects instead of committing: the committer appends what many
/// units of work collected.
struct UnitOfWork<'a, D: Decider> {
    before: &'a Arc<D>,
    decided: Mutex<Option<Decided<D>>>,
}

impl<D: Decider> AggregateContext<Hosted<D>> for Hosted<D> {
    fn aggregate(&mut self) -> &mut Hosted<D> {
        self
    }
}

impl<D: Decider> EventStore<Hosted<D>> for &UnitOfWork<'_, D> {
    type AC = Hosted<D>;

    async fn load_events(
        &self,
        _id: &str,
    ) -> Result<Vec<EventEnvelope<Hosted<D>>>, AggregateError<D::Rejection>> {
        Ok(vec![])
    }

    async fn load_aggregate(&self, _id: &str) -> Result<Hosted<D>, AggregateError<D::Rejection>> {
        Ok(Hosted(Arc::clone(self.before)))
    }

    async fn commit(
        &self,
        events: Vec<HostedEvent<D::Event>>,
        after: Hosted<D>,
        _metadata: HashMap<String, String>,
    ) -> Result<Vec<EventEnvelope<Hosted<D>>>, AggregateError<D::Rejection>> {
        let events = events.into_iter().map(|event| event.0).collect();
        *self.decided.lock().expect("nobody panics while holding it") =
            Some(Decided { events, state: after.0 });
        Ok(vec![])
    }
}
