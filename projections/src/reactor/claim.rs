//! Claims effects of a lane that are due: as many as have a free place, so a claim never waits in the process.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use daybook_domain::reactions::{EffectKind, Lane};
use sqlx::FromRow;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::sleep,
};
use uuid::Uuid;

use super::{state::EffectState, terms::Terms};
use crate::{
    background::Background,
    session::Session,
    sql::sql,
    timeout::with_timeout,
    workers::{Duty, Rounds},
};

/// How long after its time limit an effect stays claimed, so that there is time to mark it.
const MARGIN: Duration = Duration::from_secs(5);
/// The most that one statement claims.
const MOST: usize = 64;

/// Claims effects that are due: $1 is for how many seconds, $2 of which lane, $3 which kinds, $4 how many. Of those with the
/// same key only the first that is still to be done can be claimed; the subquery about them is an aggregate, because the
/// planner would make a join of another one. Rows are named by ctid for the same reason: it might read the whole ledger.
/// The index is used up to a time only if that is the same for the whole statement, which `clock_timestamp()` isn't.
pub const CLAIM: &str = sql!(
    "UPDATE effects SET attempts = attempts + 1,
            due_at = statement_timestamp() + $1 * interval '1 second'
      WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM effects e
             WHERE state = '",
    EffectState::Pending.as_str(),
    "' AND lane = $2 AND due_at <= statement_timestamp() AND kind = ANY($3)
               AND position <= coalesce(
                   (SELECT min(position) FROM effects WHERE order_key = e.order_key AND state = '",
    EffectState::Pending.as_str(),
    "'), position)
             ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED))
  RETURNING event_id, kind, target, position, attempts, order_key, payload, statement_timestamp() AS claimed_at,
            (SELECT metadata->>'traceparent' FROM events WHERE events.position = effects.position) AS traceparent",
);

#[derive(FromRow)]
pub(super) struct Claim {
    pub event_id: Uuid,
    pub kind: String,
    pub target: String,
    pub position: i64,
    pub attempts: i32,
    pub order_key: Option<String>,
    pub payload: Option<Vec<u8>>,
    pub claimed_at: DateTime<Utc>,
    /// The trace of the request that caused the event.
    pub traceparent: Option<String>,
}

/// The place of an effect that is under way.
pub(super) type Place = OwnedSemaphorePermit;

/// Claims for one lane of this process.
pub(super) struct Claimer<'a> {
    pub background: &'a Background,
    pub lane: Lane,
    pub duty: &'a Duty,
    pub rounds: &'a Rounds<'a>,
    claimed_for: Duration,
    places: Arc<Semaphore>,
    session: Session,
    woken: watch::Receiver<u64>,
}

impl<'a> Claimer<'a> {
    pub fn new(
        background: &'a Background,
        lane: Lane,
        terms: &Terms,
        duty: &'a Duty,
        rounds: &'a Rounds<'a>,
    ) -> Self {
        Self {
            background,
            lane,
            duty,
            rounds,
            claimed_for: terms.limit.get() + MARGIN,
            places: Arc::new(Semaphore::new(terms.at_once.max(1))),
            session: Session::default(),
            woken: background.signals.effects(),
        }
    }

    /// Waits until there is something to be done and room for it; `None` when it is time to stop.
    pub async fn next(&mut self) -> Option<Vec<(Claim, Place)>> {
        while !self.duty.is_over() {
            let places = self.duty.or_over(self.free_places()).await?;
            self.woken.mark_unchanged();
            let complain = |error: &sqlx::Error| tracing::error!(%error, "cannot claim effects");
            let Some(claims) = self.rounds.attempt(self.claim(places.len()), complain).await else {
                continue;
            };
            if !claims.is_empty() {
                return Some(claims.into_iter().zip(places).collect());
            }
            drop(places);
            self.duty.or_over(wait(&mut self.woken, self.background)).await;
        }
        None
    }

    /// All that are free, as soon as one is.
    async fn free_places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        let first = Arc::clone(&self.places).acquire_owned().await;
        places.extend(first);
        while places.len() < MOST
            && let Ok(place) = Arc::clone(&self.places).try_acquire_owned()
        {
            places.push(place);
        }
        places
    }

    /// Not on the disk when this returns: if a crash of the database loses the claim, the effect is performed again.
    async fn claim(&self, places: usize) -> Result<Vec<Claim>, sqlx::Error> {
        let claimed = with_timeout(async {
            let mut session = self.session.take(&self.background.claims).await?;
            let claimed = sqlx::query_as(CLAIM)
                .bind(self.claimed_for.as_secs_f64())
                .bind(self.lane.as_str())
                // A row of a newer release is left to that release.
                .bind(EffectKind::WORDS)
                .bind(i64::try_from(places).unwrap_or(i64::MAX))
                .fetch_all(&mut session)
                .await?;
            self.session.give_back(session);
            Ok::<_, sqlx::Error>(claimed)
        });
        let claimed = claimed.await?;
        self.rounds.went_well();
        Ok(claimed)
    }
}

async fn wait(woken: &mut watch::Receiver<u64>, background: &Background) {
    tokio::select! {
        _ = woken.changed() => {}
        () = sleep(background.settings.background.poll_interval.get()) => {}
    }
}
