//! The table that analysts ask: a row for each public event, in the order of the log, without gaps.
//!
//! It is written from the log by one worker of all processes. Rows and checkpoint move in one statement, so what the
//! table ends with is where the checkpoint is. If they differ, because the table was emptied or the checkpoint
//! deleted, or if the log has another history than the table, the table is emptied and written from the first event.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use daybook_domain::{Position, Record, published::publish};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, Postgres, Row, postgres::PgArguments, query::Query};
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    background::Background,
    checkpoint::{At, Consumer, FENCE},
    log::{self, Log},
    metrics,
    partition::Partition,
    session::Session,
    timeout::with_timeout,
    workers::{About, Duty, Pauses, Rounds, When, Worker},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

pub(crate) const NAME: &str = "analytics";

const CONSUMER: Consumer = Consumer { name: NAME, generation: 0, partition: Partition::WHOLE };
/// Events that one statement writes at most.
const PAGE: i64 = 1_000;
/// Events that are compared with their rows at a time.
const VERIFIED_PAGE: usize = 1_000;
/// How often it looks, while nothing happens, whether the table is still as it left it.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);
const PAUSES: Pauses = Pauses::millis(100, 2_000);

/// The rows of a page behind the event at $4, if that is there: the table may have been emptied. Its own parameters
/// begin with $9.
const INSERT: &str =
    ", rows AS (INSERT INTO analytics.public_events
             (position, event_id, stream, sequence, type, version, recorded_at, payload)
  SELECT position, event_id, stream, sequence, type, version, recorded_at, payload::jsonb
    FROM UNNEST($9::bigint[], $10::uuid[], $11::text[], $12::bigint[], $13::text[], $14::int[], $15::timestamptz[],
                $16::text[])
      AS new(position, event_id, stream, sequence, type, version, recorded_at, payload)
   WHERE EXISTS (SELECT FROM fence)
     AND ($4 = 0 OR EXISTS (SELECT FROM analytics.public_events WHERE position = $4))
  RETURNING 1)
 SELECT count(*) FROM rows";

/// How many rows of a page differ from what this would write, and the position of the first one.
const DIFFER: &str = "
 SELECT count(*), min(new.position)
   FROM UNNEST($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::int[], $7::timestamptz[], $8::text[])
     AS new(position, event_id, stream, sequence, type, version, recorded_at, payload)
   LEFT JOIN analytics.public_events old ON old.position = new.position
  WHERE (old.event_id, old.stream, old.sequence, old.type, old.version, old.recorded_at, old.payload)
     IS DISTINCT FROM (new.event_id, new.stream, new.sequence, new.type, new.version, new.recorded_at, new.payload::jsonb)";

#[derive(Debug, Clone, Default, Serialize)]
pub struct PublicTableVerification {
    /// Up to where the table has rows: its checkpoint.
    pub position: i64,
    pub rows: i64,
    /// Rows that differ from the public events of the log, are missing or too many.
    pub differences: i64,
    pub first_difference: Option<String>,
}

/// Is the table equal to the public events of the log? `None` if it was never written.
pub(crate) async fn verify(
    connection: &mut PgConnection,
) -> Result<Option<PublicTableVerification>, sqlx::Error> {
    let Some(checkpoint) = CONSUMER.read(&mut *connection).await? else { return Ok(None) };
    let (reached, mut at) = (checkpoint.at.position, Position::START);
    let mut found = PublicTableVerification { position: reached.0, ..Default::default() };
    while at < reached {
        let mut page = log::page(&mut *connection, at, VERIFIED_PAGE).await?.records;
        page.retain(|record| record.position <= reached);
        let Some(last) = page.last() else { break };
        at = last.position;
        let (differences, first): (i64, Option<i64>) = Rows::of(&page)
            .bound(sqlx::query(DIFFER))
            .try_map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .fetch_one(&mut *connection)
            .await?;
        found.differences += differences;
        if let Some(first) = first {
            found.first_difference.get_or_insert_with(|| format!("the row of position {first}"));
        }
    }
    let (rows, surplus): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(*) FILTER (WHERE position > $1) FROM analytics.public_events")
            .bind(at.0)
            .fetch_one(connection)
            .await?;
    (found.rows, found.differences) = (rows, found.differences + surplus);
    if surplus > 0 {
        found.first_difference.get_or_insert_with(|| format!("{surplus} rows behind position {at}"));
    }
    Ok(Some(found))
}

/// Writes it.
pub(crate) struct PublicTable(pub Background);

/// Columns of rows.
#[derive(Default)]
struct Rows {
    positions: Vec<i64>,
    event_ids: Vec<Uuid>,
    streams: Vec<String>,
    sequences: Vec<i64>,
    types: Vec<String>,
    versions: Vec<i32>,
    times: Vec<chrono::DateTime<chrono::Utc>>,
    payloads: Vec<String>,
}

#[async_trait]
impl Worker for PublicTable {
    fn about(&self) -> About {
        let poll = self.0.settings.background.poll_interval.get();
        let description = "Writes public events to the table that analysts ask.";
        About::new(NAME, description, When::signal("the log grows").or_every(poll))
    }

    async fn run(&self, duty: &Duty) {
        let Self(background) = self;
        let writer =
            Writer { background, log: Log::new(background.pool.clone()), session: Session::default() };
        background.leases.hold(&background.pool, NAME, duty, writer.run(duty)).await;
        metrics::ANALYTICS_UP.set(0);
    }
}

struct Writer<'a> {
    background: &'a Background,
    log: Log,
    session: Session,
}

impl Writer<'_> {
    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(PAUSES);
        while !duty.is_over() {
            let write = async {
                let written = duty.or_over(self.write_all(&rounds)).await.unwrap_or(Ok(()));
                metrics::ANALYTICS_UP.set(0);
                written.inspect_err(|_| metrics::ANALYTICS_FAILURES.inc())
            };
            let complain = |error: &_| tracing::error!(%error, "the table for analysts stands still");
            rounds.attempt(write, complain).await;
        }
    }

    async fn write_all(&self, rounds: &Rounds<'_>) -> Result<(), Failure> {
        let mut at = match with_timeout(self.end()).await? {
            Some(end) => end,
            None => with_timeout(self.begin()).await?,
        };
        tracing::info!(position = %at, "the table for analysts goes on");
        metrics::ANALYTICS_UP.set(1);
        let mut head = self.background.signals.head();
        let mut checked = Instant::now();
        loop {
            metrics::ANALYTICS_POSITION.set(at.0);
            metrics::ANALYTICS_LAG.set((head.borrow().0 - at.0).max(0));
            let page = with_timeout(self.log.after(at, PAGE)).await?;
            if let Some(last) = page.last() {
                with_timeout(self.write(at, &page, last)).await?;
                at = last.position;
                rounds.went_well();
                continue;
            }
            if checked.elapsed() >= CHECK_INTERVAL {
                if with_timeout(self.end()).await? != Some(at) {
                    return Err("the table is not as it was left".into());
                }
                checked = Instant::now();
                rounds.went_well();
            }
            let moved = head.wait_for(|head| *head > at);
            tokio::select! { _ = moved => {} () = sleep(self.background.settings.background.poll_interval.get()) => {} }
        }
    }

    /// Where table and checkpoint end; `None` if they differ, or if the log has something else there.
    async fn end(&self) -> Result<Option<Position>, Failure> {
        let pool = &self.background.pool;
        let last: Option<(i64, Uuid)> = sqlx::query_as(
            "SELECT position, event_id FROM analytics.public_events ORDER BY position DESC LIMIT 1",
        )
        .fetch_optional(pool)
        .await?;
        let Some(checkpoint) = CONSUMER.read(pool).await? else { return Ok(None) };
        let (position, event_id) = last.unzip();
        let is_same = position.unwrap_or(0) == checkpoint.at.position.0 && event_id == checkpoint.event_id;
        let is_ours = is_same && CONSUMER.shares_history(pool, &checkpoint).await?;
        Ok(is_ours.then_some(checkpoint.at.position))
    }

    /// Empties the table, to write it from the first event on.
    async fn begin(&self) -> Result<Position, Failure> {
        let mut transaction = self.background.pool.begin().await?;
        sqlx::query("DELETE FROM checkpoints WHERE name = $1").bind(NAME).execute(&mut *transaction).await?;
        sqlx::query("TRUNCATE analytics.public_events").execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO checkpoints (name, generation) VALUES ($1, 0)")
            .bind(NAME)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Position::START)
    }

    async fn write(&self, from: Position, page: &[Record], last: &Record) -> Result<(), Failure> {
        let rows = Rows::of(page);
        let sql = format!("{FENCE}{INSERT}");
        let mut connection = self.session.take(&self.background.relaxed).await?;
        let fenced = CONSUMER.fenced(&sql, At { position: from, proof: None }, last, None);
        let written: i64 =
            rows.bound(fenced).try_map(|row| row.try_get(0)).fetch_one(&mut connection).await?;
        self.session.give_back(connection);
        if usize::try_from(written) == Ok(page.len()) {
            Ok(())
        } else {
            Err("its checkpoint was moved by another process, or the table was emptied".into())
        }
    }
}

impl Rows {
    fn of(page: &[Record]) -> Self {
        let mut rows = Self::default();
        for event in page.iter().map(publish) {
            rows.positions.push(event.position.0);
            rows.event_ids.push(event.event_id);
            rows.streams.push(event.stream);
            rows.sequences.push(event.sequence);
            rows.types.push(event.r#type.to_owned());
            rows.versions.push(event.version.into());
            rows.times.push(event.recorded_at);
            rows.payloads.push(storable(event.payload.get()));
        }
        rows
    }

    /// The next parameters of a statement.
    fn bound(self, query: Query<'_, Postgres, PgArguments>) -> Query<'_, Postgres, PgArguments> {
        query
            .bind(self.positions)
            .bind(self.event_ids)
            .bind(self.streams)
            .bind(self.sequences)
            .bind(self.types)
            .bind(self.versions)
            .bind(self.times)
            .bind(self.payloads)
    }
}

/// The same JSON as `jsonb` takes it: no text of PostgreSQL has the character 0. It becomes U+FFFD.
fn storable(json: &str) -> String {
    if !json.contains("\\u0000") {
        return json.to_owned();
    }
    let mut value: Value = serde_json::from_str(json).unwrap_or_default();
    replace_nul(&mut value);
    value.to_string()
}

fn replace_nul(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('\0', "\u{FFFD}"),
        Value::Array(items) => items.iter_mut().for_each(replace_nul),
        Value::Object(members) => {
            let old = std::mem::take(members);
            members.extend(old.into_iter().map(|(name, mut value)| {
                replace_nul(&mut value);
                (name.replace('\0', "\u{FFFD}"), value)
            }));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_takes_stays_as_it_is() {
        for json in [r#"{"a": "\\u000"}"#, "{}", r#"{"n":1.50}"#] {
            assert_eq!(storable(json), json);
        }
        // A backslash, and the letters behind it.
        assert_eq!(storable(r#"{"a":"\\u0000"}"#), r#"{"a":"\\u0000"}"#);
    }

    #[test]
    fn the_character_0_is_replaced_wherever_it_is() {
        let json = r#"{"a\u0000":["x\u0000y",{"b":"\u0000"}],"n":1}"#;
        let expected = r#"{"a�":["x�y",{"b":"�"}],"n":1}"#;
        let same = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(same(&storable(json)), same(expected));
    }
}
