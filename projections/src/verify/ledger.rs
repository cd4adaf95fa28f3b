//! Does the ledger of effects agree with the log? Each effect that follows from an event is written down, and each that an
//! event has asked for names an event of this log. Those that were done long ago may be deleted.

use chrono::{DateTime, TimeDelta, Utc};
use daybook_domain::{Position, reactions::Effect};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    dead_letters, log,
    reactor::{
        ledger::{Ledger, NAME, consumer},
        state::EffectState,
        terms::kept_for,
    },
};

/// Events that are asked for their effects at a time.
const PAGE: usize = 1_000;

#[derive(Debug, Clone, Default, Serialize)]
pub struct LedgerVerification {
    /// Up to where effects are written down: the reactor's checkpoint.
    pub position: i64,
    /// Effects that are written down.
    pub effects: i64,
    /// Those of them that are still to be performed.
    pub pending: i64,
    /// Effects that are missing, or whose event is not in the log.
    pub differences: i64,
    pub first_difference: Option<String>,
}

pub(crate) async fn verify_ledger(connection: &mut PgConnection) -> Result<LedgerVerification, sqlx::Error> {
    let reached = consumer().read(&mut *connection).await?.map_or(Position::START, |found| found.at.position);
    let (effects, pending, now): (i64, i64, DateTime<Utc>) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE state = $1), statement_timestamp() FROM effects",
    )
    .bind(EffectState::Pending)
    .fetch_one(&mut *connection)
    .await?;
    let mut found = LedgerVerification { position: reached.0, effects, pending, ..Default::default() };
    let skipped = dead_letters::skipped(&mut *connection, NAME).await?;
    let ledger = Ledger::registered(&mut *connection).await?;
    let mut at = Position::START;
    while at < reached {
        let page = log::page(&mut *connection, at, PAGE).await?;
        let Some(last) = page.records.last() else { break };
        at = last.position;
        let mut expected = Expected::default();
        for record in page.records.iter().filter(|record| record.position <= reached) {
            match ledger.react(record) {
                _ if skipped.contains(&record.event_id) => {}
                Ok(effects) => {
                    // What was done long ago may be deleted.
                    let is_kept =
                        |effect: &Effect| now - effect.due.unwrap_or(record.recorded_at) < kept(effect);
                    for effect in effects.into_iter().filter(is_kept) {
                        expected.events.push(record.event_id);
                        expected.kinds.push(effect.kind.as_str());
                        expected.targets.push(effect.target);
                    }
                }
                Err(reason) => found.differs(1, || format!("event {}: {reason}", record.event_id)),
            }
        }
        let (missing, first) = expected.missing(&mut *connection).await?;
        found.differs(missing, || format!("event {}: an effect of it is missing", first.unwrap_or_default()));
    }
    let (foreign, first) = foreign(connection).await?;
    found.differs(foreign, || {
        format!("event {}: it has effects and is not in the log", first.unwrap_or_default())
    });
    Ok(found)
}

impl LedgerVerification {
    fn differs(&mut self, count: i64, what: impl FnOnce() -> String) {
        if count > 0 {
            self.differences += count;
            self.first_difference.get_or_insert_with(what);
        }
    }
}

fn kept(effect: &Effect) -> TimeDelta {
    TimeDelta::from_std(kept_for(effect.kind.lane())).unwrap_or(TimeDelta::MAX)
}

/// Columns of effects that must be there.
#[derive(Default)]
struct Expected {
    events: Vec<Uuid>,
    kinds: Vec<&'static str>,
    targets: Vec<String>,
}

impl Expected {
    /// How many are missing, and the event of one of them.
    async fn missing(self, connection: &mut PgConnection) -> Result<(i64, Option<Uuid>), sqlx::Error> {
        if self.events.is_empty() {
            return Ok((0, None));
        }
        sqlx::query_as(
            "SELECT count(*), min(event_id::text)::uuid
               FROM unnest($1::uuid[], $2::text[], $3::text[]) AS x(event_id, kind, target)
              WHERE NOT EXISTS (SELECT FROM effects e
                                 WHERE (e.event_id, e.kind, e.target) = (x.event_id, x.kind, x.target))",
        )
        .bind(self.events)
        .bind(self.kinds)
        .bind(self.targets)
        .fetch_one(connection)
        .await
    }
}

/// How many effects name an event that the log doesn't have, and one such event. Position 0 is that of effects which no
/// event has asked for.
async fn foreign(connection: &mut PgConnection) -> Result<(i64, Option<Uuid>), sqlx::Error> {
    sqlx::query_as(
        "SELECT count(*), min(f.event_id::text)::uuid FROM effects f
           LEFT JOIN events e ON e.position = f.position AND e.event_id = f.event_id
          WHERE f.position > 0 AND e.position IS NULL",
    )
    .fetch_one(connection)
    .await
}
