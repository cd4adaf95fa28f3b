//! Writes down what has become of effects: for many of them together, durably, by one writer.

use std::time::Duration;

use daybook_domain::words;
use tokio::{sync::mpsc, time::sleep};
use uuid::Uuid;

use super::{ledger::NAME, state::EffectState};
use crate::{background::Background, session::Session, sql::sql, timeout::with_timeout, workers::Pauses};

/// How many may be done and not yet marked. After a crash so many are performed again.
pub(super) const QUEUED: usize = 256;
/// How often a mark is tried before the claim is left to run out.
const ATTEMPTS: u32 = 5;
const PAUSES: Pauses = Pauses::millis(200, 5_000);
/// More than this nothing is put off, so that it is a time that the database knows.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

words! {
    /// How one try to perform an effect ended.
    pub(super) enum TryOutcome {
        Done = "done",
        Retried = "retried",
        /// It can't be done yet, which is no failure.
        Later = "later",
        Dead = "dead",
    }
}

/// What has become of a claim.
pub(super) struct Mark {
    pub event_id: Uuid,
    pub kind: &'static str,
    pub target: String,
    /// The number of the try. Whatever is not done is marked only if no later claim has been made.
    pub attempt: i32,
    pub order_key: Option<String>,
    pub outcome: TryOutcome,
    /// Why it failed, if it has.
    pub error: Option<String>,
    /// How long to wait for the next try.
    pub pause: Duration,
}

impl Mark {
    const fn state(&self) -> EffectState {
        match self.outcome {
            TryOutcome::Done => EffectState::Done,
            TryOutcome::Retried | TryOutcome::Later => EffectState::Pending,
            TryOutcome::Dead => EffectState::Dead,
        }
    }

    fn pause_s(&self) -> f64 {
        self.pause.min(LONGEST).as_secs_f64()
    }

    /// Whether others that wait for it have to wait longer.
    fn holds_back(&self) -> Option<&str> {
        self.order_key.as_deref().filter(|_| self.state() == EffectState::Pending)
    }
}

/// One that is pending again without an error is due later: that try doesn't count.
const MARK: &str = sql!(
    "WITH marked AS (
         UPDATE effects e
            SET state = x.state, last_error = x.error,
                attempts = e.attempts - (x.state = '",
    EffectState::Pending.as_str(),
    "' AND x.error IS NULL)::int,
                due_at = CASE x.state WHEN '",
    EffectState::Pending.as_str(),
    "' THEN statement_timestamp() + x.pause * interval '1 second' ELSE e.due_at END,
                failing_since = CASE WHEN x.state = '",
    EffectState::Pending.as_str(),
    "' AND x.error IS NOT NULL THEN coalesce(e.failing_since, statement_timestamp()) END,
                finished_at = CASE WHEN x.state <> '",
    EffectState::Pending.as_str(),
    "' THEN statement_timestamp() END,
                payload = CASE WHEN x.state <> '",
    EffectState::Done.as_str(),
    "' THEN e.payload END
           FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::float8[])
                AS x(event_id, kind, target, attempt, state, error, pause)
          WHERE (e.event_id, e.kind, e.target) = (x.event_id, x.kind, x.target) AND e.state = '",
    EffectState::Pending.as_str(),
    "' AND (x.state = '",
    EffectState::Done.as_str(),
    "' OR e.attempts = x.attempt)
      RETURNING e.position, e.event_id, e.kind, e.target, e.state, e.last_error)
     INSERT INTO dead_letters (id, consumer, position, event_id, kind, target, error)
     SELECT gen_random_uuid(), $8, position, event_id, kind, target, last_error FROM marked WHERE state = '",
    EffectState::Dead.as_str(),
    "' ON CONFLICT DO NOTHING",
);

/// Effects that have to wait for others, with the keys $1, are not looked at for $2 seconds: else each claim would pass over
/// them. They may wait for one that was claimed meanwhile, whose claim becomes longer by this, which does no harm.
const HOLD_BACK: &str = sql!(
    "UPDATE effects SET due_at = statement_timestamp() + $2 * interval '1 second'
      WHERE state = '",
    EffectState::Pending.as_str(),
    "' AND order_key = ANY($1) AND failing_since IS NULL
        AND due_at < statement_timestamp() + $2 * interval '1 second'",
);

/// Takes marks until nothing can send any more.
pub(super) async fn write(background: &Background, mut queue: mpsc::Receiver<Mark>) {
    let session = Session::default();
    let mut group = Vec::new();
    while queue.recv_many(&mut group, QUEUED).await > 0 {
        mark(background, &session, &group).await;
        group.clear();
    }
}

/// If it fails to the end, the claims run out and the effects are performed again.
async fn mark(background: &Background, session: &Session, group: &[Mark]) {
    for failures in 0..ATTEMPTS {
        let Err(error) = with_timeout(try_to_mark(background, session, group)).await else { return };
        tracing::warn!(effects = group.len(), %error, "cannot mark effects");
        sleep(PAUSES.jittered(failures)).await;
    }
}

async fn try_to_mark(background: &Background, session: &Session, group: &[Mark]) -> Result<(), sqlx::Error> {
    let mut connection = session.take(&background.marks).await?;
    sqlx::query(MARK)
        .bind(group.iter().map(|mark| mark.event_id).collect::<Vec<_>>())
        .bind(group.iter().map(|mark| mark.kind).collect::<Vec<_>>())
        .bind(group.iter().map(|mark| mark.target.as_str()).collect::<Vec<_>>())
        .bind(group.iter().map(|mark| mark.attempt).collect::<Vec<_>>())
        .bind(group.iter().map(Mark::state).collect::<Vec<_>>())
        .bind(group.iter().map(|mark| mark.error.as_deref()).collect::<Vec<_>>())
        .bind(group.iter().map(Mark::pause_s).collect::<Vec<_>>())
        .bind(NAME)
        .execute(&mut connection)
        .await?;
    let keys: Vec<&str> = group.iter().filter_map(Mark::holds_back).collect();
    if !keys.is_empty() {
        let pauses = group.iter().filter(|mark| mark.holds_back().is_some()).map(Mark::pause_s);
        sqlx::query(HOLD_BACK)
            .bind(keys)
            .bind(pauses.fold(f64::INFINITY, f64::min))
            .execute(&mut connection)
            .await?;
    }
    session.give_back(connection);
    Ok(())
}
