//! The mirror: another system is told every public event, page after page, behind a checkpoint of its own. How that
//! system is spoken to is known to others.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use daybook_domain::{Position, Record};
use tokio::time::sleep;

use crate::{
    background::Background,
    checkpoint::Consumer,
    log, metrics,
    partition::Partition,
    session::Session,
    timeout::with_timeout,
    workers::{About, Duty, Pauses, Rounds, Tell, When, Worker},
};

pub const NAME: &str = "mirror";

/// Events that are told at a time, and fewer if they are large. A restart tells no more than these again.
const PAGE: usize = 1_000;
const PAUSES: Pauses = Pauses::millis(100, 5_000);
const CONSUMER: Consumer = Consumer { name: NAME, generation: 0, partition: Partition::WHOLE };

/// A system that has a copy of the public events.
#[async_trait]
pub trait OtherSystem: Send + Sync {
    /// Returns when it has all of them for good. They follow each other in the log; those that it has already change
    /// nothing.
    async fn tell(&self, records: &[Record]) -> Result<(), Untold>;

    /// Whether it has this one, which it was told some time ago.
    async fn look_for(&self, record: &Record) -> Result<(), Untold>;
}

/// Why another system doesn't have what it should.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// It has something else in that place, which an operator has to look at.
    #[error("{0}")]
    Diverged(String),
    /// `told` is for operators; `why` may name places.
    #[error("{told}: {why}")]
    Failed { told: String, why: String },
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl Untold {
    pub fn failed(told: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Failed { told: told.into(), why: why.into() }
    }
}

impl Tell for Untold {
    fn tell(&self) -> String {
        match self {
            Self::Diverged(what) => format!("diverged: {what}"),
            Self::Failed { told, .. } => told.clone(),
            Self::Database(error) => error.tell(),
        }
    }
}

/// Tells the other system.
pub(crate) struct Mirroring {
    pub background: Background,
    pub other: Arc<dyn OtherSystem>,
}

#[async_trait]
impl Worker for Mirroring {
    fn about(&self) -> About {
        let poll = self.background.settings.background.poll_interval.get();
        let description =
            "Appends every public event to another system that speaks the protocol of EventStoreDB.";
        About::new(NAME, description, When::signal("the log grows").or_every(poll))
    }

    async fn run(&self, duty: &Duty) {
        let Self { background, other } = self;
        let mirror = Mirror { background, other: &**other, session: Session::default() };
        background.leases.hold(&background.pool, NAME, duty, mirror.run(duty)).await;
        metrics::MIRROR_UP.set(0);
        metrics::MIRROR_DIVERGED.set(0);
    }
}

struct Mirror<'a> {
    background: &'a Background,
    other: &'a dyn OtherSystem,
    /// Moves the checkpoint. What is lost of that is told again.
    session: Session,
}

impl Mirror<'_> {
    async fn run(&self, duty: &Duty) {
        tracing::info!("this process mirrors from now on");
        let rounds = duty.rounds(PAUSES);
        let mut failed = Position::START..Position::START;
        while !duty.is_over() {
            let follow = async {
                let followed = duty.or_over(self.follow(&rounds, &mut failed)).await.unwrap_or(Ok(()));
                metrics::MIRROR_UP.set(0);
                followed.inspect_err(note)
            };
            let complain = |error: &Untold| {
                if !matches!(error, Untold::Diverged(_)) {
                    tracing::error!(%error, "the mirror starts over behind its checkpoint");
                }
            };
            rounds.attempt(follow, complain).await;
        }
    }

    /// Until something fails. `failed` is the page that was not told, if one wasn't: behind its first place, up to its
    /// last one. What is told in there doesn't show that what failed would go well now.
    async fn follow(&self, rounds: &Rounds<'_>, failed: &mut Range<Position>) -> Result<(), Untold> {
        let mut at = self.begin().await?;
        metrics::MIRROR_UP.set(1);
        let mut head = self.background.signals.head();
        let mut page = self.page(at, failed).await?;
        loop {
            self.measure(at);
            if !failed.contains(&at) {
                if rounds.has_failed() {
                    tracing::info!(position = %at, "the mirror goes on");
                }
                metrics::MIRROR_DIVERGED.set(0);
                rounds.went_well();
            }
            let Some(last) = page.last() else {
                let moved = head.wait_for(|head| *head > at);
                tokio::select! { _ = moved => {} () = sleep(self.background.settings.background.poll_interval.get()) => {} }
                page = self.page(at, failed).await?;
                continue;
            };
            // While the other system takes this page, the next one is read.
            let (told, next) = tokio::join!(self.other.tell(&page), self.page(last.position, failed));
            if told.is_err() {
                *failed = at..last.position;
            }
            told?;
            with_timeout(self.reach(at, last)).await?;
            metrics::MIRROR_APPENDED.inc_by(page.len() as u64);
            at = last.position;
            page = next?;
        }
    }

    /// The place behind which it goes on. The log and the other system are both as they were left there.
    async fn begin(&self) -> Result<Position, Untold> {
        let pool = &self.background.pool;
        let insert = "INSERT INTO checkpoints (name, generation) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        with_timeout(sqlx::query(insert).bind(NAME).execute(pool)).await?;
        let checkpoint = with_timeout(CONSUMER.read(pool)).await?.ok_or(sqlx::Error::RowNotFound)?;
        let at = checkpoint.at.position;
        self.measure(at);
        if !with_timeout(CONSUMER.shares_history(pool, &checkpoint)).await? {
            return Err(Untold::Diverged(format!(
                "the log has another history than the one that was mirrored: at position {at} it holds another event, \
                 or none"
            )));
        }
        if at > Position::START {
            let last = with_timeout(log::page(pool, Position(at.0 - 1), 1)).await?.records;
            self.other.look_for(last.first().ok_or(sqlx::Error::RowNotFound)?).await?;
        }
        Ok(at)
    }

    fn measure(&self, at: Position) {
        let head = *self.background.signals.head().borrow();
        metrics::MIRROR_POSITION.set(at.0);
        metrics::MIRROR_LAG.set((head.0 - at.0).max(0));
    }

    /// What follows. Of a page that failed it is the first half, so that the checkpoint comes up to the event that can't
    /// be told, and looking again costs no more than that one.
    async fn page(&self, after: Position, failed: &Range<Position>) -> Result<Vec<Record>, sqlx::Error> {
        let limit = match failed.contains(&after) {
            true => usize::try_from(failed.end.0 - after.0).map_or(1, |left| left.div_ceil(2)),
            false => PAGE,
        };
        Ok(with_timeout(log::page(&self.background.pool, after, limit)).await?.records)
    }

    async fn reach(&self, from: Position, to: &Record) -> Result<(), Untold> {
        let mut connection = self.session.take(&self.background.relaxed).await?;
        let moved = CONSUMER.advance(&mut connection, from, to.position, to.event_id).await?;
        self.session.give_back(connection);
        if moved {
            Ok(())
        } else {
            let told = "the checkpoint was moved by another process, or the log has lost the event";
            Err(Untold::failed(told, format!("from {from} to {}", to.position)))
        }
    }
}

/// Says once that the two differ: other failures may come between.
fn note(error: &Untold) {
    metrics::MIRROR_FAILURES.inc();
    if let Untold::Diverged(what) = error
        && metrics::MIRROR_DIVERGED.get() == 0
    {
        metrics::MIRROR_DIVERGED.set(1);
        tracing::error!("the mirror has diverged, and waits for an operator: {what}");
    }
}
