//! A new generation of a read model, made from the log beside the one in service: load, catch up,
//! verify, swap.
//!
//! A rebuild is a row; whoever holds its lease works on it. A worker that takes it over begins with a
//! generation of its own, so that one which only seemed dead can't get in its way, nor it in theirs.

mod binary;
mod job;
mod load;
mod phases;
mod second_look;
mod streams;
mod swap;
mod turns;
pub(crate) mod verify;
pub(crate) mod verify_log;

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::{
    job::{Ended, Job, PAGE_EVENTS},
    phases::Phases,
};
use crate::{
    background::Works,
    dead_letters, log,
    partition::Partition,
    read_models::{Definition, engine::Engine},
    stream::handler::Handler,
    tasks::{Backoff, Tasks},
};

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

impl Job<'_> {
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
}
