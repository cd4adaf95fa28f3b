//! Reactions and their effects. The reactor writes down what has to be done, in a ledger; performers
//! claim rows of it and do them: each at least once, recognisable if twice.

pub(crate) mod ledger;
mod perform;

use std::sync::Arc;

use crate::{
    background::Works,
    stream::{feed::Feed, subscriber::Subscriber},
    tasks::Tasks,
};

pub use perform::{ClaimedEffect, EffectError, Performer};

pub(crate) fn start(tasks: &Tasks, works: &Works, feed: &Feed, performer: Arc<dyn Performer>) {
    let (reacting, feed) = (works.clone(), feed.clone());
    tasks.keep("projection/reactor", move |stop| {
        let (works, feed) = (reacting.clone(), feed.clone());
        async move {
            let react = async {
                let Some(handler) = ledger::Ledger::open(&works, &stop).await else { return };
                let consumer = ledger::consumer();
                Subscriber { works: &works, feed: &feed, consumer, handler: &handler }.run(&stop).await;
            };
            works.leases.hold(&works.pool, "projection/reactor", &stop, react).await;
        }
    });
    perform::start(tasks, works, performer);
}
