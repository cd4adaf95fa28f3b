//! Proves all the time, while everything goes on, that read models are what the log says: that each has
//! applied exactly the events up to its position, and that each row is the fold of its stream.
//!
//! What it finds is stored, a metric, a line in the log that is worth an alarm, and the projection's
//! status `diverged`. The projection goes on: a wrong row is better than a wrong shop.

mod account;
mod events;
mod report;
mod rows;

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::{events::EventCheck, rows::RowCheck};
pub(crate) use account::Proof;

use crate::{
    background::Background,
    checkpoint::Consumer,
    partition::Partition,
    projection::generations::Generations,
    read_models::READ_MODELS,
    tasks::{Backoff, Tasks},
    timeout::with_timeout_of,
};

/// What a look at everything may take: much more than it does, unless the database is cut off.
const LOOK_TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) fn start(tasks: &Tasks, background: &Background) {
    let background = background.clone();
    tasks.keep("audit", move |stop| {
        let background = background.clone();
        async move {
            background.leases.hold(&background.pool, "audit", &stop, run(&background, &stop)).await;
        }
    });
}

async fn run(background: &Background, stop: &CancellationToken) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    while !stop.is_cancelled() {
        let proved = tokio::select! {
            proved = with_timeout_of(LOOK_TIMEOUT, prove_all(background)) => proved,
            () = stop.cancelled() => return,
        };
        if let Err(error) = proved {
            if backoff.is_first() {
                tracing::warn!(%error, "cannot audit the read models");
            }
            backoff.wait(stop).await;
            continue;
        }
        backoff.reset();
        tokio::select! { () = sleep(background.settings.proof.interval.get()) => {} () = stop.cancelled() => {} }
    }
}

async fn prove_all(background: &Background) -> Result<(), sqlx::Error> {
    for definition in READ_MODELS {
        let Some(generations) = Generations::of(&background.pool, definition.name).await? else { continue };
        for generation in generations.all() {
            for partition in Partition::all(generation.partitions) {
                let consumer = Consumer { name: definition.name, generation: generation.number, partition };
                EventCheck { background, kind: definition.kind, consumer }.look().await?;
            }
            RowCheck { background, definition, generation: generation.number }.look().await?;
        }
    }
    Ok(())
}
