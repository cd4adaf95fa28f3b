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

use async_trait::async_trait;
use tokio::time::sleep;

use self::{events::EventCheck, rows::RowCheck};
pub(crate) use account::Proof;

use crate::{
    background::Background,
    checkpoint::Consumer,
    partition::Partition,
    projection::generations::Generations,
    read_models::READ_MODELS,
    timeout::with_timeout_of,
    workers::{About, Duty, Pauses, When, Worker},
};

/// What a look at everything may take: much more than it does, unless the database is cut off.
const LOOK_TIMEOUT: Duration = Duration::from_secs(120);
const PAUSES: Pauses = Pauses::millis(1_000, 30_000);

pub(crate) struct Proving(pub Background);

#[async_trait]
impl Worker for Proving {
    fn about(&self) -> About {
        let description = "Proves that each read model has applied exactly the events of the log, and that its rows \
            are what follows from them.";
        About::new("proof", description, When::every(self.0.settings.proof.interval.get()))
    }

    async fn run(&self, duty: &Duty) {
        let background = &self.0;
        // The lease's name is known to processes of other releases.
        background.leases.hold(&background.pool, "audit", duty, self.prove(duty)).await;
    }
}

impl Proving {
    async fn prove(&self, duty: &Duty) {
        let background = &self.0;
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let look = duty.or_over(with_timeout_of(LOOK_TIMEOUT, prove_all(background)));
            let look = async { look.await.transpose() };
            let complain = |error: &_| tracing::warn!(%error, "cannot audit the read models");
            if rounds.attempt(look, complain).await.flatten().is_some() {
                rounds.went_well();
                duty.or_over(sleep(background.settings.proof.interval.get())).await;
            }
        }
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
