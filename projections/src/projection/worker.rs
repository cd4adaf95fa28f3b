//! Keeps the tables of a read model equal to the log: the generation in service and the one before,
//! which a rollback would go back to.

use std::time::Duration;

use daybook_domain::Position;
use futures::future::join_all;
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{generations::Generations, projector::Projector};
use crate::{
    background::Background,
    dead_letters,
    notices::{self, Notice},
    partition::Partition,
    read_models::{Definition, READ_MODELS},
    stream::{feed::Feed, subscriber::Subscriber},
    tasks::{Backoff, Tasks, side_by_side},
    timeout::with_timeout,
};

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

pub(crate) fn start(tasks: &Tasks, background: &Background, feed: &Feed, definition: &'static Definition) {
    let (background, feed) = (background.clone(), feed.clone());
    tasks.keep(format!("projection/{}", definition.name), move |stop| {
        let (background, feed) = (background.clone(), feed.clone());
        async move { run(&background, &feed, definition, &stop).await }
    });
}

async fn run(
    background: &Background,
    feed: &Feed,
    definition: &'static Definition,
    stop: &CancellationToken,
) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    while !stop.is_cancelled() {
        if let Err(error) = fold_generations(background, feed, definition, stop).await {
            if backoff.is_first() {
                tracing::error!(projection = definition.name, %error, "cannot read which generations there are");
            }
            backoff.wait(stop).await;
        } else {
            backoff.reset();
        }
    }
}

/// Folds the generations that there are, until there are others.
async fn fold_generations(
    background: &Background,
    feed: &Feed,
    definition: &'static Definition,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    with_timeout(ensure(&background.pool, definition, background.settings.projections.partitions)).await?;
    let Some(generations) = with_timeout(Generations::of(&background.pool, definition.name)).await? else {
        return Ok(());
    };
    let most = generations.all().map(|generation| generation.partitions).max().unwrap_or(0);
    background.shares.set_partitions(definition.name, most);
    let changed = stop.child_token();
    let folding = (0..most).map(|index| {
        let worker =
            Worker { background: background.clone(), feed: feed.clone(), definition, generations, index };
        worker.run(changed.clone())
    });
    let watch = async {
        wait_for_others(background, definition, generations, &changed).await;
        changed.cancel();
    };
    tokio::join!(side_by_side(folding), watch);
    Ok(())
}

/// Works on one partition of each generation that has it.
struct Worker {
    background: Background,
    feed: Feed,
    definition: &'static Definition,
    generations: Generations,
    index: usize,
}

impl Worker {
    /// As long as the generations are these.
    async fn run(self, stop: CancellationToken) {
        let Background { leases, pool, shares, .. } = &self.background;
        let lease = format!("projection/{}/{}", self.definition.name, self.index);
        while !stop.is_cancelled() {
            leases.hold_share(pool, &lease, shares, &stop, |enough| self.follow(enough)).await;
        }
    }

    async fn follow(&self, stop: CancellationToken) {
        let Self { background, feed, definition, .. } = self;
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        let skipped = loop {
            match with_timeout(dead_letters::skipped(&background.pool, definition.name)).await {
                Ok(skipped) => break skipped,
                Err(_) if stop.is_cancelled() => return,
                Err(error) => {
                    tracing::debug!(projection = definition.name, %error, "cannot read what is skipped");
                    backoff.wait(&stop).await;
                }
            }
        };
        let partitions = self.generations.all().filter_map(|generation| {
            let own =
                Partition::all(generation.partitions).find(|partition| partition.index == self.index)?;
            Some(Projector::new(definition, generation.number, own, skipped.clone()))
        });
        let subscribers = partitions.map(|projector| {
            let stop = &stop;
            async move {
                Subscriber { background, feed, consumer: projector.consumer(), handler: &projector }
                    .run(stop)
                    .await;
            }
        });
        join_all(subscribers.collect::<Vec<_>>()).await;
        // Without any, there is nothing to do until the generations are others.
        stop.cancelled().await;
    }
}

async fn wait_for_others(
    background: &Background,
    definition: &Definition,
    known: Generations,
    stop: &CancellationToken,
) {
    let mut operators = background.signals.operators();
    loop {
        tokio::select! {
            _ = operators.changed() => {}
            () = sleep(background.settings.background.poll_interval.get()) => {}
            () = stop.cancelled() => return,
        }
        // A database that doesn't answer has not changed them either.
        match with_timeout(Generations::of(&background.pool, definition.name)).await {
            Ok(found) if found != Some(known) => return,
            _ => {}
        }
    }
}
