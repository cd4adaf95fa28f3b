//! Keeps the tables of a read model equal to the log: the generation in service and the one before,
//! which a rollback would go back to.

use async_trait::async_trait;
use daybook_domain::Position;
use futures::future::join_all;
use sqlx::PgPool;
use tokio::time::sleep;

use super::{generations::Generations, projector::Projector};
use crate::{
    background::Background,
    dead_letters,
    notices::{self, Notice},
    partition::Partition,
    read_models::{Definition, READ_MODELS},
    stream::{feed::Feed, subscriber::Subscriber},
    tasks::side_by_side,
    timeout::with_timeout,
    workers::{About, Duty, Pauses, Rounds, When, Worker},
};

const PAUSES: Pauses = Pauses::millis(200, 5_000);

/// Makes the first generation of each read model that has none.
pub(crate) async fn ensure_all(pool: &PgPool, partitions: usize) -> Result<(), sqlx::Error> {
    for definition in READ_MODELS {
        ensure(pool, definition, partitions).await?;
    }
    Ok(())
}

async fn ensure(pool: &PgPool, definition: &Definition, partitions: usize) -> Result<(), sqlx::Error> {
    if Generations::of(pool, definition.name).await?.is_some() {
        return Ok(());
    }
    let mut transaction = pool.begin().await?;
    // CREATE TABLE IF NOT EXISTS fails if two do it at the same time.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('daybook read models'))")
        .execute(&mut *transaction)
        .await?;
    definition.create_table(&mut transaction, 1).await?;
    definition.create_key(&mut transaction, 1).await?;
    definition.create_indexes(&mut transaction, 1).await?;
    let made =
        sqlx::query("INSERT INTO read_models (name, live_generation) VALUES ($1, 1) ON CONFLICT DO NOTHING")
            .bind(definition.name)
            .execute(&mut *transaction)
            .await?;
    if made.rows_affected() == 1 {
        sqlx::query(
            "INSERT INTO checkpoints (name, generation, partition, applied, digest)
             SELECT $1, 1, partition, 0, 0 FROM generate_series(0, $2::int - 1) AS partition",
        )
        .bind(definition.name)
        .bind(i64::try_from(partitions).unwrap_or(1))
        .execute(&mut *transaction)
        .await?;
        let model = definition.name.to_owned();
        let positions = Partition::all(partitions).map(|_| Position::START).collect();
        let live = Notice::Live { model, generation: 1, positions };
        notices::notify(&mut *transaction, notices::READ, &live.payload()).await?;
    }
    transaction.commit().await
}

/// Keeps one read model, with a worker for each partition.
#[derive(Clone)]
pub(crate) struct Projecting {
    pub background: Background,
    pub feed: Feed,
    pub definition: &'static Definition,
}

#[async_trait]
impl Worker for Projecting {
    fn about(&self) -> About {
        let name = self.definition.name;
        let description = format!(
            "Looks which generations of the read model {name} there are, and has them kept up to date."
        );
        let poll = self.background.settings.background.poll_interval.get();
        About::new(format!("projection/{name}"), description, When::signal("an operator acts").or_every(poll))
    }

    async fn run(&self, duty: &Duty) {
        let name = self.definition.name;
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let fold = self.fold_generations(duty, &rounds);
            let complain = |error: &_| tracing::error!(projection = name, %error, "cannot read which generations there are");
            rounds.attempt(fold, complain).await;
        }
    }
}

impl Projecting {
    /// Folds the generations that there are, until there are others.
    async fn fold_generations(&self, duty: &Duty, rounds: &Rounds<'_>) -> Result<(), sqlx::Error> {
        let Self { background, definition, .. } = self;
        let partitions = background.settings.projections.partitions;
        with_timeout(ensure(&background.pool, definition, partitions)).await?;
        let Some(generations) = with_timeout(Generations::of(&background.pool, definition.name)).await?
        else {
            return Ok(());
        };
        rounds.went_well();
        let most = generations.all().map(|generation| generation.partitions).max().unwrap_or(0);
        background.shares.set_partitions(definition.name, most);
        let changed = duty.until(duty.stop().child_token());
        let folding = (0..most).map(|index| {
            let worker = PartitionWorker { projecting: self.clone(), generations, index };
            let duty = changed.part(worker.about(), changed.stop().clone());
            async move { worker.run(&duty).await }
        });
        let watch = async {
            self.wait_for_others(generations, &changed, rounds).await;
            changed.stop().cancel();
        };
        tokio::join!(side_by_side(folding), watch);
        Ok(())
    }

    async fn wait_for_others(&self, known: Generations, duty: &Duty, rounds: &Rounds<'_>) {
        let Self { background, definition, .. } = self;
        let mut operators = background.signals.operators();
        loop {
            let wait = async {
                tokio::select! {
                    _ = operators.changed() => {}
                    () = sleep(background.settings.background.poll_interval.get()) => {}
                }
            };
            if duty.idle(duty.or_over(wait)).await.is_none() {
                return;
            }
            // A database that doesn't answer has not changed them either.
            match with_timeout(Generations::of(&background.pool, definition.name)).await {
                Ok(found) if found != Some(known) => return,
                Ok(_) => rounds.went_well(),
                Err(_) => {}
            }
        }
    }
}

/// Works on one partition of each generation that has it.
struct PartitionWorker {
    projecting: Projecting,
    generations: Generations,
    index: usize,
}

#[async_trait]
impl Worker for PartitionWorker {
    fn about(&self) -> About {
        let Projecting { background, definition, .. } = &self.projecting;
        let poll = background.settings.background.poll_interval.get();
        About::new(
            format!("projection/{}/{}", definition.name, self.index),
            format!("Applies events to partition {} of the read model {}.", self.index, definition.name),
            When::signal("events arrive").or_every(poll),
        )
    }

    /// Works as long as the generations are these.
    async fn run(&self, duty: &Duty) {
        let Projecting { background, definition, .. } = &self.projecting;
        let lease = format!("projection/{}/{}", definition.name, self.index);
        while !duty.is_over() {
            let follow = |enough: Duty| async move { self.follow(&enough).await };
            let left = background
                .leases
                .hold_share(&background.pool, &lease, &background.shares, duty, follow)
                .await;
            if left == Some(true) {
                duty.idle(duty.or_over(sleep(background.leases.rest()))).await;
            }
        }
    }
}

impl PartitionWorker {
    /// `true`: the work should be left to a process of a newer release.
    async fn follow(&self, duty: &Duty) -> bool {
        let Projecting { background, feed, definition } = &self.projecting;
        let rounds = duty.rounds(PAUSES);
        let skipped = loop {
            if duty.is_over() {
                return false;
            }
            let read = with_timeout(dead_letters::skipped(&background.pool, definition.name));
            let complain = |error: &_| tracing::debug!(projection = definition.name, %error, "cannot read what is skipped");
            if let Some(skipped) = rounds.attempt(read, complain).await {
                break skipped;
            }
        };
        drop(rounds);
        let partitions = self.generations.all().filter_map(|generation| {
            let own =
                Partition::all(generation.partitions).find(|partition| partition.index == self.index)?;
            Some(Projector::new(definition, generation.number, own, skipped.clone()))
        });
        // If one generation is left to another process, so is the other one: they have one lease.
        let together = &duty.until(duty.stop().child_token());
        let subscribers = partitions.map(|projector| async move {
            let consumer = projector.consumer();
            let left = Subscriber { background, feed, consumer, handler: &projector }.run(together).await;
            if left {
                together.stop().cancel();
            }
            left
        });
        let is_left = join_all(subscribers.collect::<Vec<_>>()).await.contains(&true);
        if !is_left {
            // If there are none, there is nothing to do until the generations change.
            duty.stop().cancelled().await;
        }
        is_left
    }
}
