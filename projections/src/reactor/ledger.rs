//! Events → rows of the ledger: what has to be done because something happened.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use daybook_domain::{
    Position, Record,
    reactions::{Effect, REACTIONS, Reaction},
};
use sqlx::{PgExecutor, PgPool};

use crate::{
    background::Background,
    checkpoint::{At, Consumer, FENCE},
    partition::Partition,
    session::Session,
    stream::handler::{HandleError, Handler},
    tasks::panic_text,
    timeout::with_timeout,
    workers::{Duty, Pauses},
};

/// The consumer's name, in its checkpoint and among the projections.
pub(crate) const NAME: &str = "reactor";

const PAUSES: Pauses = Pauses::millis(200, 5_000);

pub(crate) fn consumer() -> Consumer {
    Consumer { name: NAME, generation: 0, partition: Partition::WHOLE }
}

/// Notes for each reaction that is new from where on it reacts: the head of the log, as it is now.
pub(crate) async fn register(pool: &PgPool) -> Result<(), sqlx::Error> {
    let names: Vec<&str> = REACTIONS.iter().map(|reaction| reaction.name).collect();
    sqlx::query(
        "INSERT INTO reactions (name, since)
         SELECT x.name, (SELECT coalesce(max(position), 0) FROM events) FROM unnest($1::text[]) AS x(name)
         ON CONFLICT DO NOTHING",
    )
    .bind(&names)
    .execute(pool)
    .await?;
    // No reaction reacts to anything before the first of them, so the reactor begins there.
    sqlx::query(
        "INSERT INTO checkpoints (name, generation, position, event_id)
         SELECT $1, 0, start.since, (SELECT event_id FROM events WHERE position = start.since)
           FROM (SELECT min(since) AS since FROM reactions) start
         ON CONFLICT DO NOTHING",
    )
    .bind(NAME)
    .execute(pool)
    .await?;
    Ok(())
}

pub(crate) struct Ledger {
    reactions: Vec<(&'static Reaction, Position)>,
    durable: Session,
    relaxed: Session,
}

impl Ledger {
    /// Tries until the database answers; `None` if it is time to stop.
    pub async fn open(background: &Background, duty: &Duty) -> Option<Self> {
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let complain = |error: &_| tracing::error!(%error, "cannot register the reactions");
            let read = rounds.attempt(with_timeout(Self::read(background)), complain).await;
            if read.is_some() {
                return read;
            }
        }
        None
    }

    async fn read(background: &Background) -> Result<Self, sqlx::Error> {
        register(&background.pool).await?;
        Self::registered(&background.pool).await
    }

    /// With the reactions that are registered.
    pub async fn registered(executor: impl PgExecutor<'_>) -> Result<Self, sqlx::Error> {
        let since: Vec<(String, i64)> =
            sqlx::query_as("SELECT name, since FROM reactions").fetch_all(executor).await?;
        let reactions = REACTIONS.iter().filter_map(|reaction| {
            let (_, since) = since.iter().find(|(name, _)| name == reaction.name)?;
            Some((reaction, Position(*since)))
        });
        Ok(Self::of(reactions.collect()))
    }

    fn of(reactions: Vec<(&'static Reaction, Position)>) -> Self {
        Self { reactions, durable: Session::default(), relaxed: Session::default() }
    }

    /// What follows from an event, or why that can't be said.
    pub fn react(&self, record: &Record) -> Result<Vec<Effect>, String> {
        let mut effects = Vec::new();
        for (reaction, since) in &self.reactions {
            if record.position > *since {
                // A panic is that record's fault, and must stop nothing but the reactor.
                let proposed = catch_unwind(AssertUnwindSafe(|| (reaction.react)(record)));
                let proposed = proposed.map_err(|panic| panic_text(&*panic))?;
                effects.extend(proposed.map_err(|error| error.to_string())?);
            }
        }
        Ok(effects)
    }
}

#[async_trait]
impl Handler for Ledger {
    async fn commit(
        &self,
        background: &Background,
        from: At,
        records: &[Arc<Record>],
    ) -> Result<Option<At>, HandleError> {
        let Some(last) = records.last() else { return Ok(Some(from)) };
        let (mut events, mut positions, mut kinds, mut targets) = (vec![], vec![], vec![], vec![]);
        for (index, record) in records.iter().enumerate() {
            let effects = self.react(record).map_err(|reason| HandleError::Poison { index, reason })?;
            for effect in effects {
                events.push(record.event_id);
                positions.push(record.position.0);
                kinds.push(effect.kind.as_str());
                targets.push(effect.target);
            }
        }
        let proposed = !events.is_empty();
        // An effect is on the disk before it is performed; otherwise a crash could forget that it was performed.
        let (session, connect) = if proposed {
            (&self.durable, &background.connect)
        } else {
            (&self.relaxed, &background.relaxed)
        };
        let mut connection = session.take(connect).await?;
        let moved = consumer()
            .fenced(&PROPOSE, from, last, None)
            .bind(events)
            .bind(positions)
            .bind(kinds)
            .bind(targets)
            .fetch_optional(&mut connection)
            .await?;
        session.give_back(connection);
        if proposed {
            // The statement itself doesn't notify: it waits for the disk, and if it notified, appends to the
            // log would wait with it.
            background.signals.effects.notify_one();
        }
        Ok(moved.map(|_| At { position: last.position, proof: None }))
    }

    fn concerns(&self, record: &Record) -> bool {
        self.react(record).is_ok_and(|effects| !effects.is_empty())
    }
}

static PROPOSE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{FENCE}, proposed AS (INSERT INTO effects (event_id, position, kind, target)
         SELECT x.* FROM fence, unnest($9::uuid[], $10::bigint[], $11::text[], $12::text[]) AS x
         ON CONFLICT DO NOTHING)
         SELECT 1 FROM fence"
    )
});

#[cfg(test)]
mod tests {
    use daybook_domain::stock::Event;

    use super::*;
    use crate::read_models::testing::record;

    /// Catches: a panic that ends the reactor's task, which would start again and meet it again, for ever.
    #[test]
    fn a_panic_in_a_reaction_is_the_fault_of_its_record() {
        static PANICS: Reaction = Reaction { name: "panics", react: |_| panic!("it can't be") };
        let ledger = Ledger::of(vec![(&PANICS, Position(1))]);
        let at = |position| {
            let received = Event::Received { quantity: 1, reference: None };
            Record { position: Position(position), ..record("stock", "TEA", 1, &received) }
        };
        assert_eq!(ledger.react(&at(1)), Ok(vec![]), "it reacts to what came later");
        assert_eq!(ledger.react(&at(2)), Err("panic: it can't be".to_owned()));
    }
}
