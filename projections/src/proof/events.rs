//! Has a partition applied exactly the events of its streams up to its position?

use std::collections::HashSet;

use daybook_domain::Position;
use futures::TryStreamExt;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::{account::Proof, report::report};
use crate::{
    background::Background,
    checkpoint::{At, Consumer},
    dead_letters::Resolution,
};

/// Events whose digests are summed up at a time.
const MAX_EVENTS: i64 = 100_000;

/// Checks which events one partition of a generation of a read model has applied.
pub(super) struct EventCheck<'a> {
    pub background: &'a Background,
    /// The kind of its streams.
    pub kind: &'static str,
    pub consumer: Consumer,
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

impl EventCheck<'_> {
    /// Reads on in the log, up to the position of the projection, and compares the two accounts there.
    pub async fn look(&self) -> Result<(), sqlx::Error> {
        let mut transaction = self.background.pool.begin_with(SNAPSHOT).await?;
        let Some(checkpoint) = self.consumer.read(&mut *transaction).await? else { return Ok(()) };
        let account = self.account(&mut transaction).await?;
        let claimed = match checkpoint.at.proof {
            // What is wrong can't become right again.
            Some(claimed) if account.wrong_events.is_none() => claimed,
            _ => return transaction.commit().await,
        };
        let goal = checkpoint.at.position;
        if goal.0 < account.position {
            // The projection was set back. It will reach the account's position again.
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
        if let Some(finding) = finding {
            report(self.consumer.name, self.consumer.generation, "events", &finding);
        }
        Ok(())
    }

    async fn account(&self, connection: &mut PgConnection) -> Result<Account, sqlx::Error> {
        sqlx::query(
            "INSERT INTO audits (name, generation, partition) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(self.consumer.name)
        .bind(self.consumer.generation)
        .bind(self.consumer.partition.number())
        .execute(&mut *connection)
        .await?;
        sqlx::query_as(
            "SELECT position, applied, digest, proved_position, wrong_events FROM audits
              WHERE name = $1 AND generation = $2 AND partition = $3",
        )
        .bind(self.consumer.name)
        .bind(self.consumer.generation)
        .bind(self.consumer.partition.number())
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
              WHERE d.consumer = $1 AND d.kind IS NULL AND d.resolution = $2 AND e.event_id = d.event_id",
        )
        .bind(self.consumer.name)
        .bind(Resolution::Skipped)
        .fetch_all(&mut *connection)
        .await?;
        let skipped: HashSet<(String, i64)> = skipped.into_iter().collect();
        let mut events = sqlx::query_as::<_, (Uuid, i64, String, i64)>(
            "SELECT event_id, position, aggregate_id, sequence FROM events
              WHERE position > $1 AND position <= $2 AND aggregate_type = $3",
        )
        .bind(after.0)
        .bind(until.0)
        .bind(self.kind)
        .fetch(connection);
        while let Some((event_id, position, id, sequence)) = events.try_next().await? {
            if !self.consumer.partition.holds(&id) {
                continue;
            }
            if skipped.is_empty() {
                proof.add(event_id, Position(position), sequence - 1);
            } else if !skipped.contains(&(id.clone(), sequence)) {
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
            // Which row it is will show soonest if the comparison of rows begins anew.
            "WITH anew AS (UPDATE row_audits SET rows_after = '', sums_after = NULL
                            WHERE name = $1 AND generation = $2 AND $8::text IS NOT NULL)
             UPDATE audits SET position = $4, applied = $5, digest = $6, wrong_events = $8,
                    proved_position = CASE WHEN $7 AND $8 IS NULL THEN $4 ELSE proved_position END,
                    proved_at = CASE WHEN $7 AND $8 IS NULL THEN clock_timestamp() ELSE proved_at END
              WHERE name = $1 AND generation = $2 AND partition = $3",
        )
        .bind(self.consumer.name)
        .bind(self.consumer.generation)
        .bind(self.consumer.partition.number())
        .bind(at.position.0)
        .bind(applied)
        .bind(digest)
        .bind(proved)
        .bind(finding)
        .execute(connection)
        .await?;
        Ok(())
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
    let between = format!("between positions {} and {until}", after.next());
    if claimed.applied == actual.applied {
        return format!("{between}, other events were applied than those of the log, or in another order");
    }
    format!("{between}: {} events in all were applied, the log has {}", claimed.applied, actual.applied)
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
        assert_eq!(found, "between positions 41 and 50: 6 events in all were applied, the log has 7");
    }
}
