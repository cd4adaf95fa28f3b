//! JetStream → this process: one consumer, whose events every worker here shares.
//!
//! Attached with "new messages only": what came before is read from the log anyway, and gaps show by
//! themselves because positions have none. A worker that falls too far behind loses the feed's oldest
//! events and reads them in the log.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
};
use async_trait::async_trait;
use daybook_domain::{Position, Record};
use futures::StreamExt;
use tokio::{sync::broadcast, time::sleep};

use super::{Failure, Nats, POSITION};
use crate::{
    background::Background,
    metrics,
    workers::{About, Duty, Pauses, Rounds, When, Worker},
};

/// Events that a worker may be behind before it must read the log.
const CAPACITY: usize = 4_096;
/// How long the log may grow without anything arriving before the feed is attached again.
const SILENCE: Duration = Duration::from_secs(1);
const PAUSES: Pauses = Pauses::millis(200, 2_000);

/// Failures that are not worth a word: at the very start there is no stream until a relay makes it.
const QUIET_FAILURES: u32 = 3;

#[derive(Clone)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Item>,
    /// Whether events arrive. If not, waiting for them is in vain.
    up: Arc<AtomicBool>,
    /// Raised when the database's connection was lost: what was received before may be of a history
    /// that a failover has cut off.
    epoch: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub epoch: u64,
    pub position: Position,
    /// `None`: it is too large to be carried, or unreadable. The log has it.
    pub record: Option<Arc<Record>>,
}

impl Feed {
    pub fn new() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY), up: Arc::default(), epoch: Arc::default() }
    }

    pub fn subscribe(&self) -> broadcast::Receiver<Item> {
        self.sender.subscribe()
    }

    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
        metrics::FEED_UP.set(up.into());
    }
}

/// Receives what the feed gives to its subscribers.
pub(crate) struct Feeding {
    pub background: Background,
    pub nats: Nats,
    pub feed: Feed,
}

#[async_trait]
impl Worker for Feeding {
    fn about(&self) -> About {
        let description =
            "Receives the events that the relay publishes, once for all projections of this process.";
        About::new("feed", description, When::signal("JetStream delivers").or_every(SILENCE))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(PAUSES).quiet_for(QUIET_FAILURES);
        while !duty.is_over() {
            let receive = async {
                let received = duty.or_over(self.receive(&rounds)).await.unwrap_or(Ok(()));
                self.feed.set_up(false);
                received.inspect_err(|_| metrics::FEED_FAILURES.inc())
            };
            let complain = |error: &_| tracing::warn!(%error, "no events by JetStream; workers read the log");
            rounds.attempt(receive, complain).await;
        }
    }
}

impl Feeding {
    async fn receive(&self, rounds: &Rounds<'_>) -> Result<(), Failure> {
        let Self { background, nats, feed } = self;
        let context = nats.jetstream().await?;
        let consumer = context
            .create_consumer_on_stream(
                pull::OrderedConfig { deliver_policy: DeliverPolicy::New, ..pull::OrderedConfig::default() },
                background.settings.stream.name.as_str(),
            )
            .await?;
        let mut messages = consumer.messages().await?;
        let mut head = background.signals.head();
        let mut losses = background.signals.losses();
        let mut received = Position::START;
        // Since when the log is ahead of what was received, in vain.
        let mut waiting: Option<Instant> = None;
        head.mark_unchanged();
        loop {
            tokio::select! {
                _ = losses.changed() => {
                    feed.epoch.fetch_add(1, Ordering::AcqRel);
                }
                message = messages.next() => {
                    let item = item(&message.ok_or("the consumer ended")??, feed.epoch());
                    let Some(item) = item else { continue };
                    received = item.position;
                    waiting = waiting.filter(|_| *head.borrow() > received).map(|_| Instant::now());
                    feed.set_up(true);
                    rounds.went_well();
                    // There are no receivers while all workers run in other processes.
                    let _ = feed.sender.send(item);
                }
                changed = head.changed(), if waiting.is_none() => {
                    changed?;
                    waiting = (*head.borrow() > received).then(Instant::now);
                }
                () = sleep(SILENCE) => match waiting {
                    Some(since) if since.elapsed() >= SILENCE => {
                        return Err("nothing arrives while the log grows: is there a process with the role relay?".into());
                    }
                    Some(_) => {}
                    // Nothing is to be received, as far as is known.
                    None => rounds.goes_on(),
                }
            }
        }
    }
}

/// The content of a message; `None` if it isn't one of the relay's.
fn item(message: &jetstream::Message, epoch: u64) -> Option<Item> {
    let position = message.headers.as_ref()?.get(POSITION)?.as_str().parse().ok().map(Position)?;
    let record = serde_json::from_slice::<Record>(&message.payload).ok();
    let record = record.filter(|record| record.position == position).map(Arc::new);
    Some(Item { epoch, position, record })
}
