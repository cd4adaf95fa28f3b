//! Keeps the tables of a read model equal to the log: the generation in service and the one before,
//! which a rollback would go back to.

use std::time::Duration;

use daybook_domain::Position;
use futures::future::join_all;
use sqlx::PgPool;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Definition, READ_MODELS, engine::Engine};
use crate::{
    answered::answered,
    checkpoint::Works,
    reactor::dead_letters,
    signals::{self, Notice},
    stream::{feed::Feed, subscriber::Subscriber},
    tasks::{Backoff, Tasks},
};

/// The generations that are folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generations {
    pub live: i32,
    pub previous: Option<i32>,
}

impl Generations {
    pub async fn of(pool: &PgPool, model: &str) -> Result<Option<Self>, sqlx::Error> {
        let row: Option<(i32, Option<i32>)> =
            sqlx::query_as("SELECT live_generation, previous_generation FROM read_models WHERE name = $1")
                .bind(model)
                .fetch_optional(pool)
                .await?;
        Ok(row.map(|(live, previous)| Self { live, previous }))
    }
}

/// Makes the first generation of each read model that has none.
pub(crate) async fn ensure_all(pool: &PgPool) -> Result<(), sqlx::Error> {
    for definition in READ_MODELS {
        ensure(pool, definition).await?;
    }
    Ok(())
}

async fn ensure(pool: &PgPool, definition: &Definition) -> Result<(), sqlx::Error> {
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
    sqlx::query("INSERT INTO checkpoints (name, generation, applied, digest) VALUES ($1, 1, 0, 0) ON CONFLICT DO NOTHING")
        .bind(definition.name)
        .execute(&mut *transaction)
        .await?;
    let made =
        sqlx::query("INSERT INTO read_models (name, live_generation) VALUES ($1, 1) ON CONFLICT DO NOTHING")
            .bind(definition.name)
            .execute(&mut *transaction)
            .await?;
    if made.rows_affected() == 1 {
        let model = definition.name.to_owned();
        let live = Notice::Live { model, generation: 1, position: Position::START };
        signals::notify(&mut *transaction, signals::READ, &live.payload()).await?;
    }
    transaction.commit().await
}

pub(crate) fn start(tasks: &Tasks, works: &Works, feed: &Feed, definition: &'static Definition) {
    let (works, feed) = (works.clone(), feed.clone());
    tasks.keep(format!("projection/{}", definition.name), move |stop| {
        let (works, feed) = (works.clone(), feed.clone());
        async move {
            let lease = format!("projection/{}", definition.name);
            works.leases.hold(&works.pool, &lease, &stop, run(&works, &feed, definition, &stop)).await;
        }
    });
}

async fn run(works: &Works, feed: &Feed, definition: &'static Definition, stop: &CancellationToken) {
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
    while !stop.is_cancelled() {
        if let Err(error) = fold_generations(works, feed, definition, stop).await {
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
    works: &Works,
    feed: &Feed,
    definition: &'static Definition,
    stop: &CancellationToken,
) -> Result<(), sqlx::Error> {
    answered(ensure(&works.pool, definition)).await?;
    let Some(generations) = answered(Generations::of(&works.pool, definition.name)).await? else {
        return Ok(());
    };
    let skipped = answered(dead_letters::skipped(&works.pool, definition.name)).await?;
    let changed = stop.child_token();
    let subscribers =
        [Some(generations.live), generations.previous].into_iter().flatten().map(|generation| {
            let changed = changed.clone();
            let engine = Engine::new(definition, generation, skipped.clone());
            async move {
                Subscriber { works, feed, consumer: engine.consumer(), handler: &engine }.run(&changed).await;
            }
        });
    let watch = async {
        wait_for_others(works, definition, generations, &changed).await;
        changed.cancel();
    };
    tokio::join!(join_all(subscribers), watch);
    Ok(())
}

async fn wait_for_others(
    works: &Works,
    definition: &Definition,
    known: Generations,
    stop: &CancellationToken,
) {
    let mut operators = works.signals.operators();
    loop {
        tokio::select! {
            _ = operators.changed() => {}
            () = sleep(works.settings.poll_interval) => {}
            () = stop.cancelled() => return,
        }
        // A database that doesn't answer has not changed them either.
        match answered(Generations::of(&works.pool, definition.name)).await {
            Ok(found) if found != Some(known) => return,
            _ => {}
        }
    }
}
