//! The events behind a position, in order and without gaps: from the feed as long as it has them, from
//! the log whenever it hasn't.

use std::{sync::Arc, time::Duration};

use daybook_domain::{Position, Record};
use sqlx::PgPool;
use tokio::{
    sync::{
        broadcast::{Receiver, error::TryRecvError},
        watch,
    },
    time::sleep,
};

use super::feed::{Feed, Item};
use crate::{background::Background, log, timeout::with_timeout, workers::Rounds};

/// How long a feed that works may take to deliver what is in the log.
const SILENCE: Duration = Duration::from_millis(200);

pub(crate) struct Source {
    pool: PgPool,
    feed: Feed,
    receiver: Receiver<Item>,
    head: watch::Receiver<Position>,
    poll_interval: Duration,
    at: Position,
    /// The log has, or may have, what the feed has not.
    behind: bool,
}

pub(crate) struct Batch {
    pub records: Vec<Arc<Record>>,
    /// "feed" or "log".
    pub from: &'static str,
}

/// What an item of the feed is to a reader.
enum Place {
    Seen,
    Next(Arc<Record>),
    /// Something is missing in front of it, or it is not in there itself.
    Gap,
}

impl Source {
    pub fn new(background: &Background, feed: &Feed, at: Position) -> Self {
        Self {
            pool: background.pool.clone(),
            receiver: feed.subscribe(),
            feed: feed.clone(),
            head: background.signals.head(),
            poll_interval: background.settings.background.poll_interval.get(),
            at,
            behind: true,
        }
    }

    /// Waits for the next events, at most `limit`. Can be dropped at any time: what it had not
    /// returned it will return. A look at the log that finds nothing is a round that went well.
    pub async fn next(&mut self, limit: usize, rounds: &Rounds<'_>) -> Result<Batch, sqlx::Error> {
        let mut records = Vec::new();
        loop {
            if self.behind {
                let page = with_timeout(log::page(&self.pool, self.at, limit)).await?;
                self.behind = page.more;
                if !page.records.is_empty() {
                    return Ok(self.batch(page.records.into_iter().map(Arc::new).collect(), "log"));
                }
                if !page.more {
                    rounds.went_well();
                }
            }
            self.drain(&mut records, limit);
            if !records.is_empty() {
                return Ok(self.batch(records, "feed"));
            }
            if !self.behind {
                self.wait(&mut records).await;
                // More may have come along with it.
                self.drain(&mut records, limit);
                if !records.is_empty() {
                    return Ok(self.batch(records, "feed"));
                }
            }
        }
    }

    fn batch(&mut self, records: Vec<Arc<Record>>, from: &'static str) -> Batch {
        if let Some(last) = records.last() {
            self.at = last.position;
        }
        Batch { records, from }
    }

    /// Takes what the feed has, without waiting, up to the first gap.
    fn drain(&mut self, records: &mut Vec<Arc<Record>>, limit: usize) {
        let mut bytes = 0;
        while records.len() < limit && bytes < log::PAGE_BYTES && !self.behind {
            bytes += records.last().map_or(0, |record| record.payload.get().len());
            match self.receiver.try_recv() {
                Ok(item) => self.take(item, records),
                Err(TryRecvError::Lagged(_)) => self.behind = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Waits until something comes, or until it is time to look at the log.
    async fn wait(&mut self, records: &mut Vec<Arc<Record>>) {
        let at = self.at;
        let head_is_ahead = *self.head.borrow_and_update() > at;
        let patience = match (head_is_ahead, self.feed.is_up()) {
            (true, true) => SILENCE,
            (true, false) => Duration::ZERO,
            (false, _) => self.poll_interval,
        };
        tokio::select! {
            biased;
            item = self.receiver.recv() => match item {
                Ok(item) => self.take(item, records),
                Err(_) => self.behind = true,
            },
            // Ahead already: then only time counts, not how far ahead.
            _ = self.head.changed(), if !head_is_ahead => {}
            () = sleep(patience) => self.behind = true,
        }
    }

    fn take(&mut self, item: Item, records: &mut Vec<Arc<Record>>) {
        let at = records.last().map_or(self.at, |record| record.position);
        match place(item, at, self.feed.epoch()) {
            Place::Seen => {}
            Place::Next(record) => records.push(record),
            Place::Gap => self.behind = true,
        }
    }
}

fn place(item: Item, at: Position, epoch: u64) -> Place {
    match item.record {
        _ if item.epoch != epoch || item.position <= at => Place::Seen,
        Some(record) if item.position == at.next() => Place::Next(record),
        _ => Place::Gap,
    }
}
