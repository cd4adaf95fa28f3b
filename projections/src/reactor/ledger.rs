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

use super::state::EffectState;
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
        let mut proposed: Vec<(&Record, Effect)> = Vec::new();
        for (index, record) in records.iter().enumerate() {
            let effects = self.react(record).map_err(|reason| HandleError::Poison { index, reason })?;
            proposed.extend(effects.into_iter().map(|effect| (record.as_ref(), effect)));
        }
        let is_durable = !proposed.is_empty();
        // An effect is on the disk before it is performed; otherwise a crash could forget that it was performed.
        let (session, connect) = if is_durable {
            (&self.durable, &background.connect)
        } else {
            (&self.relaxed, &background.relaxed)
        };
        let mut connection = session.take(connect).await?;
        let moved = consumer()
            .fenced(&PROPOSE, from, last, None)
            .bind(column(&proposed, |record, _| record.event_id))
            .bind(column(&proposed, |record, _| record.position.0))
            .bind(column(&proposed, |_, effect| effect.kind.as_str()))
            .bind(column(&proposed, |_, effect| effect.target.as_str()))
            .bind(column(&proposed, |_, effect| effect.kind.lane().as_str()))
            .bind(column(&proposed, |_, effect| effect.due))
            .bind(column(&proposed, |_, effect| effect.order_key.as_deref()))
            .bind(column(&proposed, |_, effect| effect.subject.as_deref()))
            .fetch_optional(&mut connection)
            .await?;
        session.give_back(connection);
        if is_durable {
            // The statement itself doesn't notify: it waits for the disk, and if it notified, appends to the
            // log would wait with it.
            background.signals.tell_of_effects();
        }
        Ok(moved.map(|_| At { position: last.position, proof: None }))
    }

    fn concerns(&self, record: &Record) -> bool {
        self.react(record).is_ok_and(|effects| !effects.is_empty())
    }
}

/// What each row has in one column.
fn column<'a, T>(proposed: &'a [(&Record, Effect)], of: impl Fn(&'a Record, &'a Effect) -> T) -> Vec<T> {
    proposed.iter().map(|(record, effect)| of(record, effect)).collect()
}

/// One that has to wait for another that fails is due no sooner than that one: else each claim would pass over it.
static PROPOSE: LazyLock<String> = LazyLock::new(|| {
    let pending = EffectState::Pending;
    format!(
        "{FENCE}, proposed AS (INSERT INTO effects (event_id, position, kind, target, lane, due_at, order_key, subject)
         SELECT x.event_id, x.position, x.kind, x.target, x.lane,
                greatest(coalesce(x.due, statement_timestamp()), (
                    SELECT CASE WHEN failing_since IS NOT NULL THEN due_at END FROM effects
                     WHERE order_key = x.order_key AND state = '{pending}' ORDER BY position LIMIT 1)),
                x.order_key, x.subject
           FROM fence, unnest($9::uuid[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::timestamptz[],
                              $15::text[], $16::text[])
                    AS x(event_id, position, kind, target, lane, due, order_key, subject)
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
