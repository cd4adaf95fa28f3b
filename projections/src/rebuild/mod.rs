//! A new generation of a read model, made from the log beside the one in service: load, catch up,
//! verify, swap.
//!
//! A rebuild is a row; the worker that holds its lease works on it. A worker that takes it over begins with
//! a generation of its own, so that it and one which only seemed dead can't disturb each other.

mod job;
mod load;
mod phases;
pub(crate) mod state;
mod swap;

use std::sync::Arc;

use async_trait::async_trait;
use tokio::{sync::watch, time::sleep};

use self::{
    job::{Ended, Job, PAGE_EVENTS},
    phases::{Phase, Phases},
    state::RebuildState,
};
use crate::{
    background::Background,
    dead_letters, log,
    partition::Partition,
    projection::projector::Projector,
    read_models::Definition,
    stream::handler::Handler,
    verify::rows,
    workers::{About, Duty, Pauses, When, Worker},
};

const PAUSES: Pauses = Pauses::millis(500, 10_000);

pub(crate) struct Rebuilding {
    pub background: Background,
    pub definition: &'static Definition,
}

#[async_trait]
impl Worker for Rebuilding {
    fn about(&self) -> About {
        let name = self.definition.name;
        let description = format!("Rebuilds the read model {name} when an operator has asked for it.");
        let poll = self.background.settings.background.poll_interval.get();
        About::new(format!("rebuild/{name}"), description, When::signal("an operator acts").or_every(poll))
    }

    async fn run(&self, duty: &Duty) {
        let Self { background, definition } = self;
        let rounds = duty.rounds(PAUSES);
        let mut operators = background.signals.operators();
        let mut is_tidy = false;
        while !duty.is_over() {
            operators.mark_unchanged();
            let round = async {
                if !is_tidy {
                    // Drops what was left by a process that was killed or failed, if its rebuild was
                    // given up before another worker took it over.
                    swap::drop_unused(background, definition).await?;
                }
                self.look(duty).await
            };
            let complain =
                |error: &_| tracing::error!(projection = definition.name, %error, "cannot work on rebuilds");
            is_tidy = rounds.attempt(round, complain).await.is_some();
            if is_tidy {
                rounds.went_well();
                duty.or_over(self.wait(&mut operators)).await;
            }
        }
    }
}

impl Rebuilding {
    /// Works on the rebuild that runs, if there is one and no other worker does.
    async fn look(&self, duty: &Duty) -> Result<(), sqlx::Error> {
        let Self { background, definition } = self;
        if !runs(background, definition).await? {
            return Ok(());
        }
        let lease = format!("rebuild/{}", definition.name);
        // When it is time to stop, what was done so far is done again: nothing of it is visible.
        let work = duty.or_over(rebuild(background, definition));
        let worked = background.leases.hold(&background.pool, &lease, duty, work).await;
        worked.flatten().unwrap_or(Ok(()))
    }

    async fn wait(&self, operators: &mut watch::Receiver<u64>) {
        tokio::select! {
            _ = operators.changed() => {}
            () = sleep(self.background.settings.background.poll_interval.get()) => {}
        }
    }
}

async fn runs(background: &Background, definition: &Definition) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM rebuilds WHERE projection = $1 AND state = ANY($2))")
        .bind(definition.name)
        .bind(RebuildState::LIVE)
        .fetch_one(&background.pool)
        .await
}

async fn rebuild(background: &Background, definition: &'static Definition) -> Result<(), sqlx::Error> {
    let Some(job) = Job::take(background, definition).await? else { return Ok(()) };
    let name = definition.name;
    tracing::info!(projection = name, generation = job.generation, "a rebuild begins");
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
        phases.ended(Phase::Load);
        self.enter(RebuildState::CatchingUp).await?;
        self.catch_up(&projectors).await?;
        phases.ended(Phase::CatchUp);
        self.enter(RebuildState::Verifying).await?;
        // Verification needs no index but the key's.
        let verifying = rows::verify(&self.background.connect, self.definition, self.generation);
        let verifying = async { tokio::try_join!(verifying, load::index(self)) };
        let (verification, ()) = tokio::select! {
            verified = verifying => verified?,
            ended = self.watch() => return Err(ended),
        };
        phases.ended(Phase::Verify);
        let differences = verification.differences;
        let verification =
            serde_json::to_value(verification).map_err(|error| sqlx::Error::Decode(error.into()))?;
        if differences > 0 {
            return Err(Ended::Failed(verification));
        }
        self.catch_up(&projectors).await?;
        self.enter(RebuildState::Swapping).await?;
        swap::swap(self, &projectors, &verification).await?;
        phases.ended(Phase::Swap);
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
