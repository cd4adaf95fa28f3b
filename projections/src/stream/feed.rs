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
use daybook_domain::{Position, Record};
use futures::StreamExt;
use tokio::{sync::broadcast, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Failure, Nats, POSITION};
use crate::{
    background::Background,
    metrics,
    tasks::{Backoff, Tasks},
};

/// Events that a worker may be behind before it must read the log.
const CAPACITY: usize = 4_096;
/// How long the log may grow without anything arriving before the feed is attached again.
const SILENCE: Duration = Duration::from_secs(1);

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
    /// `None`: too large to be carried, or unreadable. It stands in the log.
    pub record: Option<Arc<Record>>,
}

impl Feed {
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

pub(crate) fn start(tasks: &Tasks, background: &Background, nats: &Nats) -> Feed {
    let feed = Feed { sender: broadcast::Sender::new(CAPACITY), up: Arc::default(), epoch: Arc::default() };
    let (background, nats, feeding) = (background.clone(), nats.clone(), feed.clone());
    tasks.keep("feed", move |stop| {
        let (background, nats, feed) = (background.clone(), nats.clone(), feeding.clone());
        async move {
            let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
            while !stop.is_cancelled() {
                let failed = attach(&background, &nats, &feed, &stop, &mut backoff).await.err();
                feed.set_up(false);
                if let Some(error) = failed {
                    metrics::FEED_FAILURES.inc();
                    if backoff.failures() == QUIET_FAILURES {
                        tracing::warn!(%error, "no events by JetStream; workers read the log");
                    }
                    backoff.wait(&stop).await;
                }
            }
        }
    });
    feed
}

async fn attach(
    background: &Background,
    nats: &Nats,
    feed: &Feed,
    stop: &CancellationToken,
    backoff: &mut Backoff,
) -> Result<(), Failure> {
    let context = tokio::select! {
        context = nats.jetstream() => context,
        () = stop.cancelled() => return Ok(()),
    };
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
            () = stop.cancelled() => return Ok(()),
            _ = losses.changed() => {
                feed.epoch.fetch_add(1, Ordering::AcqRel);
            }
            message = messages.next() => {
                let Some(item) = item(&message.ok_or("the consumer ended")??, feed.epoch()) else { continue };
                received = item.position;
                waiting = waiting.filter(|_| *head.borrow() > received).map(|_| Instant::now());
                feed.set_up(true);
                backoff.reset();
                // Nobody subscribes while all workers are elsewhere.
                let _ = feed.sender.send(item);
            }
            changed = head.changed(), if waiting.is_none() => {
                changed?;
                waiting = (*head.borrow() > received).then(Instant::now);
            }
            () = sleep(SILENCE), if waiting.is_some() => {
                if waiting.is_some_and(|since| since.elapsed() >= SILENCE) {
                    return Err("nothing arrives while the log grows".into());
                }
            }
        }
    }
}

/// What stands in a message; `None`, if it isn't one of the relay's.
fn item(message: &jetstream::Message, epoch: u64) -> Option<Item> {
    let position = message.headers.as_ref()?.get(POSITION)?.as_str().parse().ok().map(Position)?;
    let record = serde_json::from_slice::<Record>(&message.payload).ok();
    let record = record.filter(|record| record.position == position).map(Arc::new);
    Some(Item { epoch, position, record })
}
