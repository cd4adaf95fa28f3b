//! The audit: who did what to the running system, when and why, and who was refused.

mod lines;
mod rate;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use daybook_migrations::with_timeout_of;
use daybook_projections::workers::{About, Duty, Pauses, When, Worker};
use futures::TryFutureExt;
use sqlx::PgPool;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tracing::warn;

use crate::metrics::AUDIT_LOST;
pub use lines::{AuditLine, Lines};
use rate::Rate;

/// Refusals that wait to be written, at most; of more, the number is kept.
const MAX_WAITING: usize = 1_000;
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TARGET_CHARS: usize = 500;

const UNPOISONED: &str = "nobody panics while holding this lock";

/// One line of the audit. When is the database's business.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The `sub` of the caller's token.
    pub actor: String,
    pub action: String,
    pub target: String,
    pub outcome: &'static str,
    pub reason: Option<String>,
    pub request_id: String,
    /// Where the request came from.
    pub address: IpAddr,
}

/// Where entries are left. A cheap handle.
#[derive(Clone)]
pub struct Audit {
    pool: PgPool,
    refusals: mpsc::Sender<Entry>,
    rate: Arc<Mutex<Rate<Entry>>>,
}

/// Writes the refusals that were left.
pub struct AuditWriter {
    pool: PgPool,
    /// Locked for as long as it runs.
    refusals: tokio::sync::Mutex<mpsc::Receiver<Entry>>,
    rate: Arc<Mutex<Rate<Entry>>>,
}

impl Audit {
    /// `per_minute` refusals of one subject are kept one by one.
    pub fn new(pool: PgPool, per_minute: u32) -> (Self, AuditWriter) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let rate = Arc::new(Mutex::new(Rate::new(per_minute)));
        let audit = Self { pool: pool.clone(), refusals: sender, rate: Arc::clone(&rate) };
        (audit, AuditWriter { pool, refusals: tokio::sync::Mutex::new(receiver), rate })
    }

    /// Written when this returns. An action that leaves no record must not happen.
    pub async fn record(&self, entry: &Entry) -> Result<(), sqlx::Error> {
        write(&self.pool, entry).await
    }

    /// What was written, the newest first.
    pub async fn lines(&self, wanted: &Lines) -> Result<Vec<AuditLine>, sqlx::Error> {
        lines::read(&self.pool, wanted).await
    }

    /// Written soon, so that a refusal costs its caller's database nothing while they wait. Of very many in a minute, how
    /// many there were is written when it is over: who asks for nothing but what they may not do must not fill the disk.
    pub fn refused(&self, entry: Entry) {
        let subject = entry.actor.clone();
        let kept = self.rate.lock().expect(UNPOISONED).take(&subject, entry, Instant::now());
        if let Some(entry) = kept
            && self.refusals.try_send(entry).is_err()
        {
            AUDIT_LOST.inc();
        }
    }
}

#[async_trait]
impl Worker for AuditWriter {
    fn about(&self) -> About {
        let description = "Writes down which actions were refused, and to whom.";
        About::new("audit_records", description, When::signal("an action is refused"))
    }

    /// A record that can't be written is lost, because those behind it would be, too. What waits when it is time
    /// to stop is still written, as long as the database takes it.
    async fn run(&self, duty: &Duty) {
        let mut refusals = self.refusals.lock().await;
        let rounds = duty.rounds(Pauses::NONE);
        loop {
            let Some(entry) = self.next(&mut refusals, duty).await else {
                return duty.stop().cancelled().await;
            };
            let write = write(&self.pool, &entry).inspect_err(|error| {
                AUDIT_LOST.inc();
                warn!(%error, action = entry.action, "cannot write an audit record");
            });
            match rounds.attempt(write, |_| {}).await {
                Some(()) => rounds.went_well(),
                None if duty.is_over() => return,
                None => {}
            }
        }
    }
}

impl AuditWriter {
    /// What is to be written next; nothing, when it is time to stop and all of it is.
    async fn next(&self, refusals: &mut mpsc::Receiver<Entry>, duty: &Duty) -> Option<Entry> {
        loop {
            if let Some((last, more)) = self.rate.lock().expect(UNPOISONED).over(Instant::now()) {
                return Some(last.and_more(more));
            }
            let until = self.rate.lock().expect(UNPOISONED).next_over();
            let minute = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = duty.stop().cancelled() => break,
                next = refusals.recv() => return next,
                () = minute => {}
            }
        }
        let rest = || {
            let (last, more) = self.rate.lock().expect(UNPOISONED).cut_short()?;
            Some(last.and_more(more))
        };
        refusals.try_recv().ok().or_else(rest)
    }
}

impl Entry {
    /// There were so many more, of which this was the last.
    fn and_more(self, more: u64) -> Self {
        Self { reason: Some(format!("and {more} more in a minute, of which this was the last")), ..self }
    }
}

async fn write(pool: &PgPool, entry: &Entry) -> Result<(), sqlx::Error> {
    let target: String = entry.target.chars().take(MAX_TARGET_CHARS).collect();
    let writing = sqlx::query(
        "INSERT INTO audit (actor, action, target, outcome, reason, request_id, address)
             VALUES ($1, $2, $3, $4, $5, $6, $7::inet)",
    )
    .bind(&entry.actor)
    .bind(&entry.action)
    .bind(target)
    .bind(entry.outcome)
    .bind(&entry.reason)
    .bind(&entry.request_id)
    .bind(entry.address.to_string())
    .execute(pool);
    with_timeout_of(WRITE_TIMEOUT, writing).await.map(drop)
}
