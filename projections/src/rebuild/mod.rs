//! A new generation of a read model, made from the log beside the one in service: load, catch up,
//! verify, swap.
//!
//! A rebuild is a row; whoever holds its lease works on it. A worker that takes it over begins with a
//! generation of its own, so that one which only seemed dead can't get in its way, nor it in theirs.

mod job;
mod load;
mod phases;
mod swap;

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::{
    job::{Ended, Job, PAGE_EVENTS},
    phases::Phases,
};
use crate::{
    background::Background,
    dead_letters, log,
    partition::Partition,
    projection::projector::Projector,
    read_models::Definition,
    stream::handler::Handler,
    tasks::{Backoff, Tasks},
    verify::rows,
};

pub(crate) fn start(tasks: &Tasks, background: &Background, definition: &'static Definition) {
    let background = background.clone();
    tasks.keep(format!("rebuild/{}", definition.name), move |stop| {
        let background = background.clone();
        async move {
            let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
            let mut operators = background.signals.operators();
            let mut is_tidy = false;
            while !stop.is_cancelled() {
                operators.mark_unchanged();
                let work = async {
                    if !is_tidy {
                        // Left by a process that was killed or failed at it, of a rebuild that was given up
                        // before anybody took it over.
                        swap::drop_unused(&background, definition).await?;
                        is_tidy = true;
                    }
                    look(&background, definition, &stop).await
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
                    () = sleep(background.settings.background.poll_interval.get()) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    });
}

/// Works on the rebuild that runs, if there is one and nobody else does.
async fn look(
    background: &Background,
    definition: &'static Definition,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    if !runs(background, definition).await? {
        return Ok(());
    }
    let lease = format!("rebuild/{}", definition.name);
    let work = async {
        tokio::select! {
            worked = rebuild(background, definition) => worked,
            // What was done so far is done again: nothing of it is visible.
            () = stop.cancelled() => Ok(()),
        }
    };
    background.leases.hold(&background.pool, &lease, stop, work).await.unwrap_or(Ok(()))
}

async fn runs(background: &Background, definition: &Definition) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM rebuilds WHERE projection = $1
            AND state IN ('building', 'catching_up', 'verifying', 'swapping'))",
    )
    .bind(definition.name)
    .fetch_one(&background.pool)
    .await
}

async fn rebuild(background: &Background, definition: &'static Definition) -> Result<(), sqlx::Error> {
    let Some(job) = Job::take(background, definition).await? else { return Ok(()) };
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
    swap::drop_unused(background, definition).await
}

impl Job<'_> {
    async fn run(&self) -> Result<(), Ended> {
        let mut phases = Phases::of(self.definition.name);
        let skipped = dead_letters::skipped(&self.background.pool, self.definition.name).await?;
        let partitions = Partition::all(self.background.settings.projections.partitions);
        let projectors: Vec<Projector> = partitions
            .map(|partition| Projector::new(self.definition, self.generation, partition, skipped.clone()))
            .collect();
        tokio::select! {
            loaded = load::load(self, &skipped) => loaded?,
            ended = self.watch() => return Err(ended),
        }
        phases.ended("load");
        self.enter("catching_up").await?;
        self.catch_up(&projectors).await?;
        phases.ended("catch_up");
        self.enter("verifying").await?;
        // Verification needs no index but the key's.
        let verifying = rows::verify(&self.background.connect, self.definition, self.generation);
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
        self.catch_up(&projectors).await?;
        self.enter("swapping").await?;
        swap::swap(self, &projectors, &verification).await?;
        phases.ended("swap");
        Ok(())
    }

    /// Applies what was appended since, until little is left.
    async fn catch_up(&self, projectors: &[Projector]) -> Result<(), Ended> {
        let pool = &self.background.pool;
        for projector in projectors {
            let checkpoint = projector.consumer().read(pool).await?.ok_or(Ended::NotOurs)?;
            let mut at = checkpoint.at;
            loop {
                let page = log::page(pool, at.position, PAGE_EVENTS).await?;
                let records: Vec<_> = page.records.into_iter().map(Arc::new).collect();
                at = projector.commit(self.background, at, &records).await?.ok_or(Ended::NotOurs)?;
                if !page.more {
                    break;
                }
                self.still_ours().await?;
            }
        }
        Ok(())
    }
}
