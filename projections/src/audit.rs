//! Proves all the time, while everything goes on, that read models are what the log says: that each has
//! applied exactly the events up to its position, and that each row is the fold of its stream.
//!
//! What it finds is a row of `audits`, a metric, a line in the log that is worth an alarm, and the
//! projection's status `diverged`. The projection goes on: a wrong row is better than a wrong shop.

use std::{collections::HashSet, time::Duration};

use daybook_domain::Position;
use futures::TryStreamExt;
use sqlx::{FromRow, PgConnection};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    answered::answered_within,
    checkpoint::{At, Consumer, Works},
    metrics,
    proof::Proof,
    read_models::{Definition, READ_MODELS, worker::Generations},
    rebuild::verify,
    tasks::{Backoff, Tasks},
};

/// Events whose digests are summed up at a time.
const MAX_EVENTS: i64 = 100_000;
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
        for generation in [Some(generations.live), generations.previous].into_iter().flatten() {
            let auditor = Auditor { works, definition, generation };
            auditor.audit_events().await?;
            auditor.audit_rows().await?;
        }
    }
    Ok(())
}

/// Of one generation of a read model.
struct Auditor<'a> {
    works: &'a Works,
    definition: &'static Definition,
    generation: i32,
}

/// How far the account is that the auditor keeps from the log.
#[derive(FromRow)]
struct Account {
    position: i64,
    applied: i64,
    digest: i64,
    proved_position: i64,
    wrong_events: Option<String>,
}

impl Auditor<'_> {
    /// Reads on in the log, up to where the projection stands, and compares the two accounts there.
    async fn audit_events(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.works.pool.begin_with(SNAPSHOT).await?;
        let consumer = Consumer { name: self.definition.name, generation: self.generation };
        let Some(checkpoint) = consumer.read(&mut *transaction).await? else { return Ok(()) };
        let account = self.account(&mut transaction).await?;
        let claimed = match checkpoint.at.proof {
            // What is wrong can't become right again.
            Some(claimed) if account.wrong_events.is_none() => claimed,
            _ => return transaction.commit().await,
        };
        let goal = checkpoint.at.position;
        if goal.0 < account.position {
            // Somebody set the projection back. It will come to where the account is.
            return transaction.commit().await;
        }
        let end = goal.min(Position(account.position + MAX_EVENTS));
        let mut actual = Proof::stored(Some(account.applied), Some(account.digest)).unwrap_or_default();
        self.sum_up(&mut transaction, Position(account.position), end, &mut actual).await?;
        let finding = (end == goal && actual != claimed)
            .then(|| wrong_events(Position(account.proved_position), goal, actual, claimed));
        self.keep(
            &mut transaction,
            At { position: end, proof: Some(actual) },
            end == goal,
            finding.as_deref(),
        )
        .await?;
        transaction.commit().await?;
        match finding {
            Some(finding) => self.report("events", &finding),
            None if end == goal => {
                metrics::PROVED_POSITION.with_label_values(&[self.definition.name]).set(goal.0);
            }
            None => {}
        }
        Ok(())
    }

    async fn account(&self, connection: &mut PgConnection) -> Result<Account, sqlx::Error> {
        sqlx::query("INSERT INTO audits (name, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(self.definition.name)
            .bind(self.generation)
            .execute(&mut *connection)
            .await?;
        sqlx::query_as(
            "SELECT position, applied, digest, proved_position, wrong_events FROM audits
              WHERE name = $1 AND generation = $2",
        )
        .bind(self.definition.name)
        .bind(self.generation)
        .fetch_one(connection)
        .await
    }

    /// Adds what the log says should be applied between the two positions.
    async fn sum_up(
        &self,
        connection: &mut PgConnection,
        after: Position,
        until: Position,
        proof: &mut Proof,
    ) -> Result<(), sqlx::Error> {
        let skipped: Vec<(String, i64)> = sqlx::query_as(
            "SELECT e.aggregate_id, e.sequence FROM dead_letters d JOIN events e ON e.position = d.position
              WHERE d.consumer = $1 AND d.kind IS NULL AND d.resolution = 'skipped' AND e.event_id = d.event_id",
        )
        .bind(self.definition.name)
        .fetch_all(&mut *connection)
        .await?;
        let skipped: HashSet<(String, i64)> = skipped.into_iter().collect();
        let mut events = sqlx::query_as(
            "SELECT event_id, position, aggregate_id, sequence FROM events
              WHERE position > $1 AND position <= $2 AND aggregate_type = $3",
        )
        .bind(after.0)
        .bind(until.0)
        .bind(self.definition.kind)
        .fetch(connection);
        while let Some((event_id, position, id, sequence)) = events.try_next().await? {
            if skipped.is_empty() {
                proof.add(event_id, Position(position), sequence - 1);
            } else if !skipped.contains(&(String::clone(&id), sequence)) {
                proof.add(event_id, Position(position), version_before(&id, sequence, &skipped));
            }
        }
        Ok(())
    }

    async fn keep(
        &self,
        connection: &mut PgConnection,
        at: At,
        proved: bool,
        finding: Option<&str>,
    ) -> Result<(), sqlx::Error> {
        let (applied, digest) = at.proof.unwrap_or_default().as_stored();
        sqlx::query(
            "UPDATE audits SET position = $3, applied = $4, digest = $5, wrong_events = $7,
                    proved_position = CASE WHEN $6 AND $7 IS NULL THEN $3 ELSE proved_position END,
                    proved_at = CASE WHEN $6 AND $7 IS NULL THEN clock_timestamp() ELSE proved_at END,
                    -- Which row it is will show soonest if the comparison begins anew.
                    rows_after = CASE WHEN $7 IS NULL THEN rows_after ELSE '' END
              WHERE name = $1 AND generation = $2",
        )
        .bind(self.definition.name)
        .bind(self.generation)
        .bind(at.position.0)
        .bind(applied)
        .bind(digest)
        .bind(proved)
        .bind(finding)
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Compares the next rows with the folds of their streams.
    async fn audit_rows(&self) -> Result<(), sqlx::Error> {
        let (name, generation) = (self.definition.name, self.generation);
        let after: Option<(String, Option<String>)> =
            sqlx::query_as("SELECT rows_after, wrong_row FROM audits WHERE name = $1 AND generation = $2")
                .bind(name)
                .bind(generation)
                .fetch_optional(&self.works.pool)
                .await?;
        let Some((after, known)) = after else { return Ok(()) };
        let rows = self.works.settings.audit_rows;
        let (found, next) =
            verify::verify_page(&self.works.connect, self.definition, generation, &after, rows).await?;
        metrics::AUDITED_ROWS.with_label_values(&[name]).inc_by(found.rows.unsigned_abs());
        sqlx::query(
            "UPDATE audits SET rows_after = coalesce($3, ''),
                    rows_wrong = CASE WHEN $3 IS NULL THEN 0 ELSE rows_wrong + $4 END,
                    rows_compared_at = CASE WHEN $3 IS NULL THEN clock_timestamp() ELSE rows_compared_at END,
                    wrong_row = CASE WHEN $3 IS NULL AND rows_wrong + $4 = 0 THEN NULL
                                     ELSE coalesce($5, wrong_row) END
              WHERE name = $1 AND generation = $2 AND rows_after = $6",
        )
        .bind(name)
        .bind(generation)
        .bind(&next)
        .bind(found.differences)
        .bind(&found.first_difference)
        .bind(&after)
        .execute(&self.works.pool)
        .await?;
        if let Some(finding) = found.first_difference.filter(|finding| known.as_ref() != Some(finding)) {
            self.report("rows", &finding);
        }
        Ok(())
    }

    fn report(&self, what: &str, finding: &str) {
        let (name, generation) = (self.definition.name, self.generation);
        metrics::AUDIT_FINDINGS.with_label_values(&[name, what]).inc();
        tracing::error!(
            projection = name,
            generation,
            finding,
            "diverged: the log says otherwise; rebuild it"
        );
    }
}

/// Every statement sees the same state of the database, and the finding can be written down.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ";

/// The version that a row had before an event of it, if some events were left out by an operator.
fn version_before(id: &str, sequence: i64, skipped: &HashSet<(String, i64)>) -> i64 {
    let was_skipped = |sequence| skipped.contains(&(id.to_owned(), sequence));
    if was_skipped(1) {
        // Its first event makes a row; without that there is none.
        return 0;
    }
    (1..sequence).rev().find(|before| !was_skipped(*before)).unwrap_or(0)
}

fn wrong_events(after: Position, until: Position, actual: Proof, claimed: Proof) -> String {
    let where_ = format!("between positions {} and {until}", after.next());
    match claimed.applied - actual.applied {
        0 => format!("{where_}, other events were applied than those of the log, or in another order"),
        more @ 1.. => format!("{where_}, {more} events more were applied than the log has"),
        less => format!("{where_}, {} events of the log were not applied", -less),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_operator_left_out_is_no_version_of_the_row() {
        let skipped: HashSet<(String, i64)> =
            [("a", 3), ("a", 4), ("b", 1)].map(|(id, sequence)| (id.to_owned(), sequence)).into();
        assert_eq!(version_before("a", 3, &skipped), 2);
        assert_eq!(version_before("a", 5, &skipped), 2);
        assert_eq!(version_before("a", 6, &skipped), 5);
        assert_eq!(version_before("b", 2, &skipped), 0);
        assert_eq!(version_before("c", 1, &skipped), 0);
    }

    #[test]
    fn a_finding_names_the_first_position_that_can_be_wrong() {
        let (log, read) = (Proof { applied: 7, digest: 1 }, Proof { applied: 6, digest: 2 });
        let found = wrong_events(Position(40), Position(50), log, read);
        assert_eq!(found, "between positions 41 and 50, 1 events of the log were not applied");
    }
}
