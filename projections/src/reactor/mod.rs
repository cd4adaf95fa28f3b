//! Reactions and their effects. The reactor writes down what has to be done and when, in a ledger; performers
//! claim rows of it that are due and do them: each at least once, recognisable if twice.

mod claim;
mod forget;
pub(crate) mod ledger;
pub(crate) mod listed;
mod marks;
mod perform;
mod propose;
pub(crate) mod state;
pub(crate) mod terms;

use async_trait::async_trait;
use tokio::time::sleep;

use crate::{
    background::Background,
    stream::{feed::Feed, subscriber::Subscriber},
    workers::{About, Duty, When, Worker},
};

pub use claim::CLAIM;
pub use forget::{FORGET, forget};
pub use listed::DUE;
pub(crate) use perform::Performing;
pub use perform::{ClaimedEffect, EffectError, Performer};
pub use propose::EffectLedger;

/// How statements of the ledger are planned: once in a session, and by indexes, also if the ledger was nearly empty then, or
/// nothing is known of what it has.
pub const BY_INDEX: [(&str, &str); 6] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_sort", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
];

/// Writes down what has to be done.
pub(crate) struct Reacting {
    pub background: Background,
    pub feed: Feed,
}

#[async_trait]
impl Worker for Reacting {
    fn about(&self) -> About {
        let description = "Writes down, in the ledger of effects, what has to be done because of an event.";
        let poll = self.background.settings.background.poll_interval.get();
        About::new("projection/reactor", description, When::signal("events arrive").or_every(poll))
    }

    async fn run(&self, duty: &Duty) {
        let Self { background, feed } = self;
        let react = async {
            let Some(handler) = ledger::Ledger::open(background, duty).await else { return false };
            let consumer = ledger::consumer();
            Subscriber { background, feed, consumer, handler: &handler }.run(duty).await
        };
        let left = background.leases.hold(&background.pool, "projection/reactor", duty, react).await;
        if left == Some(true) {
            duty.idle(duty.or_over(sleep(background.leases.rest()))).await;
        }
    }
}
