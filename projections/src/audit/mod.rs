//! Proves all the time, while everything goes on, that read models are what the log says: that each has
//! applied exactly the events up to its position, and that each row is the fold of its stream.
//!
//! What it finds is stored, a metric, a line in the log that is worth an alarm, and the projection's
//! status `diverged`. The projection goes on: a wrong row is better than a wrong shop.

mod events;
mod report;
mod rows;

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::{events::EventAudit, rows::RowAudit};
use crate::{
    answered::answered_within,
    background::Works,
    checkpoint::Consumer,
    partition::Partition,
    read_models::{READ_MODELS, worker::Generations},
    tasks::{Backoff, Tasks},
};

/// What a look at everything may take: much more than it does, unless the database is cut off.
const LOOK_TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) fn start(tasks: &Tasks, works: &Works) {
    let works = works.clone();
    tasks.keep("audit", move |stop| {
        let works = works.clone();
        async move {
            works.leases.hold(&works.pool, "audit", &stop, run(&works, &stop)).await;
        }
    });
}

async fn run(works: &Works, stop: &CancellationToken) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
    while !stop.is_cancelled() {
        let audited = tokio::select! {
            audited = answered_within(LOOK_TIMEOUT, audit_all(works)) => audited,
            () = stop.cancelled() => return,
        };
        if let Err(error) = audited {
            if backoff.is_first() {
                tracing::warn!(%error, "cannot audit the read models");
            }
            backoff.wait(stop).await;
            continue;
        }
        backoff.reset();
        tokio::select! { () = sleep(works.settings.audit_interval) => {} () = stop.cancelled() => {} }
    }
}

async fn audit_all(works: &Works) -> Result<(), sqlx::Error> {
    for definition in READ_MODELS {
        let Some(generations) = Generations::of(&works.pool, definition.name).await? else { continue };
        for generation in generations.all() {
            for partition in Partition::all(generation.partitions) {
                let consumer = Consumer { name: definition.name, generation: generation.number, partition };
                EventAudit { works, kind: definition.kind, consumer }.look().await?;
            }
            RowAudit { works, definition, generation: generation.number }.look().await?;
        }
    }
    Ok(())
}
