//! A new generation of a read model, made from the log beside the one in service: load, catch up,
//! verify, swap.
//!
//! A rebuild is a row; whoever holds its lease works on it. A worker that takes it over begins with a
//! generation of its own, so that one which only seemed dead can't get in its way, nor it in theirs.

mod binary;
mod load;
mod phases;
mod second_look;
mod streams;
mod swap;
pub(crate) mod verify;
pub(crate) mod verify_log;

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::phases::Phases;
use crate::{
    checkpoint::Works,
    log,
    partition::Partition,
    reactor::dead_letters,
    read_models::{Definition, engine::Engine},
    stream::subscriber::{HandleError, Handler},
    tasks::{Backoff, Tasks},
};

/// How often progress is written down, and a cancellation noticed.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Events that are applied at a time; with less than that left, one has caught up.
const PAGE_EVENTS: usize = 1_000;

/// Why a rebuild ended before it was done.
enum Ended {
    /// It was cancelled, or taken over by another worker.
    NotOurs,
    /// It can't succeed. What is kept is JSON.
    Failed(serde_json::Value),
    /// The database failed: to be begun again.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Ended {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<HandleError> for Ended {
    fn from(error: HandleError) -> Self {
        match error {
            HandleError::Database(error) => Self::Database(error),
            HandleError::Poison { reason, .. } => Self::failure(&reason),
        }
    }
}

impl Ended {
    fn failure(reason: &str) -> Self {
        Self::Failed(serde_json::json!({ "failure": reason }))
    }
}

/// A rebuild that this process works on.
struct Job<'a> {
    works: &'a Works,
    definition: &'static Definition,
    id: Uuid,
    generation: i32,
}

pub(crate) fn start(tasks: &Tasks, works: &Works, definition: &'static Definition) {
    let works = works.clone();
    tasks.keep(format!("rebuild/{}", definition.name), move |stop| {
        let works = works.clone();
        async move {
            let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
            let mut operators = works.signals.operators();
            let mut is_tidy = false;
            while !stop.is_cancelled() {
                operators.mark_unchanged();
                let work = async {
                    if !is_tidy {
                        // Left by a process that was killed or failed at it, of a rebuild that was given up
                        // before anybody took it over.
                        swap::drop_unused(&works, definition).await?;
                        is_tidy = true;
                    }
                    look(&works, definition, &stop).await
                };
                match work.await {
                    Ok(()) => backoff.reset(),
                    Err(error) => {
                        is_tidy = false;
                        if backoff.is_first() {
                            tracing::error!(projection = definition.name, %error, "cannot work on rebuilds");
                        }
                        backoff.wait(&stop).await;
                        continue;
                    }
                }
                tokio::select! {
                    _ = operators.changed() => {}
                    () = sleep(works.settings.poll_interval) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    });
}

/// Works on the rebuild that runs, if there is one and nobody else does.
async fn look(
    works: &Works,
    definition: &'static Definition,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    if !runs(works, definition).await? {
        return Ok(());
    }
    let lease = format!("rebuild/{}", definition.name);
    let work = async {
        tokio::select! {
            worked = rebuild(works, definition) => worked,
            // What was done so far is done again: nothing of it is visible.
            () = stop.cancelled() => Ok(()),
        }
    };
    works.leases.hold(&works.pool, &lease, stop, work).await.unwrap_or(Ok(()))
}

async fn runs(works: &Works, definition: &Definition) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM rebuilds WHERE projection = $1
            AND state IN ('building', 'catching_up', 'verifying', 'swapping'))",
    )
    .bind(definition.name)
    .fetch_one(&works.pool)
    .await
}

async fn rebuild(works: &Works, definition: &'static Definition) -> Result<(), sqlx::Error> {
    let Some(job) = Job::take(works, definition).await? else { return Ok(()) };
    let name = definition.name;
    tracing::info!(projection = name, generation = job.generation, "rebuilding");
    match job.run().await {
        Ok(()) => tracing::info!(projection = name, generation = job.generation, "rebuilt and in service"),
        Err(Ended::NotOurs) => tracing::info!(projection = name, "the rebuild was cancelled or taken over"),
        Err(Ended::Failed(reason)) => {
            tracing::error!(projection = name, %reason, "the rebuild failed; the generation in service stays");
            job.fail(reason).await?;
        }
        Err(Ended::Database(error)) => return Err(error),
    }
    swap::drop_unused(works, definition).await
}

impl<'a> Job<'a> {
    /// Begins, or begins again, under a generation that nobody else works on.
    async fn take(works: &'a Works, definition: &'static Definition) -> Result<Option<Self>, sqlx::Error> {
        let taken: Option<(Uuid, i32)> = sqlx::query_as(
            "UPDATE rebuilds SET state = 'building', done_events = 0, started_at = clock_timestamp(),
                    updated_at = clock_timestamp(), generation = 1 + greatest(generation,
                        (SELECT coalesce(max(generation), 0) FROM checkpoints WHERE name = $1))
              WHERE projection = $1 AND state IN ('building', 'catching_up', 'verifying', 'swapping')
          RETURNING id, generation",
        )
        .bind(definition.name)
        .fetch_optional(&works.pool)
        .await?;
        Ok(taken.map(|(id, generation)| Self { works, definition, id, generation }))
    }

    async fn run(&self) -> Result<(), Ended> {
        let mut phases = Phases::of(self.definition.name);
        let skipped = dead_letters::skipped(&self.works.pool, self.definition.name).await?;
        let partitions = Partition::all(self.works.settings.partitions);
        let engines: Vec<Engine> = partitions
            .map(|partition| Engine::new(self.definition, self.generation, partition, skipped.clone()))
            .collect();
        tokio::select! {
            loaded = load::load(self, &skipped) => loaded?,
            ended = self.watch() => return Err(ended),
        }
        phases.ended("load");
        self.enter("catching_up").await?;
        self.catch_up(&engines).await?;
        phases.ended("catch_up");
        self.enter("verifying").await?;
        // Verification needs no index but the key's.
        let verifying = verify::verify(&self.works.connect, self.definition, self.generation);
        let verifying = async { tokio::try_join!(verifying, load::index(self)) };
        let (verification, ()) = tokio::select! {
            verified = verifying => verified?,
            ended = self.watch() => return Err(ended),
        };
        phases.ended("verify");
        let differences = verification.differences;
        let verification =
            serde_json::to_value(verification).map_err(|error| sqlx::Error::Decode(error.into()))?;
        if differences > 0 {
            return Err(Ended::Failed(verification));
        }
        self.catch_up(&engines).await?;
        self.enter("swapping").await?;
        swap::swap(self, &engines, &verification).await?;
        phases.ended("swap");
        Ok(())
    }

    /// Applies what was appended since, until little is left.
    async fn catch_up(&self, engines: &[Engine]) -> Result<(), Ended> {
        let pool = &self.works.pool;
        for engine in engines {
            let checkpoint = engine.consumer().read(pool).await?.ok_or(Ended::NotOurs)?;
            let mut at = checkpoint.at;
            loop {
                let page = log::page(pool, at.position, PAGE_EVENTS).await?;
                let records: Vec<_> = page.records.into_iter().map(Arc::new).collect();
                at = engine.commit(self.works, at, &records).await?.ok_or(Ended::NotOurs)?;
                if !page.more {
                    break;
                }
                self.still_ours().await?;
            }
        }
        Ok(())
    }

    async fn enter(&self, state: &str) -> Result<(), Ended> {
        let entered = sqlx::query(
            "UPDATE rebuilds SET state = $3, updated_at = clock_timestamp() WHERE id = $1 AND generation = $2
                AND state IN ('building', 'catching_up', 'verifying', 'swapping')",
        );
        let entered =
            entered.bind(self.id).bind(self.generation).bind(state).execute(&self.works.pool).await?;
        if entered.rows_affected() == 1 { Ok(()) } else { Err(Ended::NotOurs) }
    }

    /// Writes down how far the load is.
    async fn progress(&self, done_events: i64, total_events: i64) -> Result<(), Ended> {
        let written = sqlx::query(
            "UPDATE rebuilds SET done_events = $3, total_events = $4, updated_at = clock_timestamp()
              WHERE id = $1 AND generation = $2 AND state = 'building'",
        );
        let written = written.bind(self.id).bind(self.generation).bind(done_events).bind(total_events);
        let written = written.execute(&self.works.pool).await?;
        if written.rows_affected() == 1 { Ok(()) } else { Err(Ended::NotOurs) }
    }

    async fn still_ours(&self) -> Result<(), Ended> {
        let ours: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM rebuilds WHERE id = $1 AND generation = $2
                AND state IN ('building', 'catching_up', 'verifying', 'swapping'))",
        )
        .bind(self.id)
        .bind(self.generation)
        .fetch_one(&self.works.pool)
        .await?;
        if ours { Ok(()) } else { Err(Ended::NotOurs) }
    }

    /// Returns when the rebuild is not this worker's any more.
    async fn watch(&self) -> Ended {
        loop {
            sleep(PROGRESS_INTERVAL).await;
            if let Err(ended) = self.still_ours().await {
                return ended;
            }
        }
    }

    async fn fail(&self, reason: serde_json::Value) -> Result<(), sqlx::Error> {
        sqlx::query(
            "UPDATE rebuilds SET state = 'failed', verification = $3, finished_at = clock_timestamp(),
                    updated_at = clock_timestamp()
              WHERE id = $1 AND generation = $2
                AND state IN ('building', 'catching_up', 'verifying', 'swapping')",
        )
        .bind(self.id)
        .bind(self.generation)
        .bind(reason)
        .execute(&self.works.pool)
        .await?;
        Ok(())
    }
}

/// Gives way to other tasks now and then: rows that have arrived are read without ever waiting, and
/// whoever shares the thread would wait instead.
struct Turns(u32);

impl Turns {
    const RECORDS: u32 = 128;

    async fn next(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(Self::RECORDS) {
            tokio::task::yield_now().await;
        }
    }
}
