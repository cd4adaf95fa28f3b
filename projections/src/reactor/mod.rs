//! Reactions and their effects. The reactor writes down what has to be done, in a ledger; performers
//! claim rows of it and do them: each at least once, recognisable if twice.

pub(crate) mod ledger;
mod perform;

use std::sync::Arc;

use crate::{
    background::Background,
    stream::{feed::Feed, subscriber::Subscriber},
    tasks::Tasks,
};

pub use perform::{ClaimedEffect, EffectError, Performer};

pub(crate) fn start(tasks: &Tasks, background: &Background, feed: &Feed, performer: Arc<dyn Performer>) {
    let (reacting, feed) = (background.clone(), feed.clone());
    tasks.keep("projection/reactor", move |stop| {
        let (background, feed) = (reacting.clone(), feed.clone());
        async move {
            let react = async {
                let Some(handler) = ledger::Ledger::open(&background, &stop).await else { return };
                let consumer = ledger::consumer();
                Subscriber { background: &background, feed: &feed, consumer, handler: &handler }
                    .run(&stop)
                    .await;
            };
            background.leases.hold(&background.pool, "projection/reactor", &stop, react).await;
        }
    });
    perform::start(tasks, background, performer);
}
