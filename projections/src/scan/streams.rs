//! Reads all streams of a kind, one after the other: in several sessions at a time, each with a range of
//! ids, all of them in one snapshot.

use daybook_domain::{Position, Record};
use serde_json::value::RawValue;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};

use super::binary::{Fields, Rows, literal};

/// The most sessions that share the work. Each has a thread here and a process of PostgreSQL's.
const MAX_SHARES: usize = 4;
/// Below so many events, sharing costs more than it gains.
const LEAST_EVENTS: i64 = 10_000;
/// Pages of the log that are looked at to find out where to cut.
const SAMPLED_PAGES: f64 = 300.0;
/// Begins a transaction in which every statement sees the same state of the database.
pub(crate) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A session that holds a snapshot, for itself and for others.
pub(crate) struct Snapshot {
    pub connection: PgConnection,
    connect: PgConnectOptions,
    id: String,
}

/// How a further session comes to see the same.
#[derive(Clone)]
pub(crate) struct Shared {
    connect: PgConnectOptions,
    id: String,
}

/// Streams whose ids are above one and up to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Range {
    above: Option<String>,
    up_to: Option<String>,
}

/// How many sessions share the work at most.
pub(crate) fn shares() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_SHARES))
}

impl Snapshot {
    pub async fn take(connect: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = long_session(connect).await?;
        connection.execute(SNAPSHOT).await?;
        let id = sqlx::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut connection).await?;
        Ok(Self { connection, connect: connect.clone(), id })
    }

    pub fn share(&self) -> Shared {
        Shared { connect: self.connect.clone(), id: self.id.clone() }
    }

    /// How many events of a kind there are, as the planner thinks: counting takes as long as loading.
    pub async fn estimate(&mut self, kind: &str) -> Result<i64, sqlx::Error> {
        let sql =
            format!("EXPLAIN (FORMAT JSON) SELECT 1 FROM events WHERE aggregate_type = {}", literal(kind));
        let plan: serde_json::Value = sqlx::query_scalar(&sql).fetch_one(&mut self.connection).await?;
        Ok(plan[0]["Plan"]["Plan Rows"].as_i64().unwrap_or(0))
    }

    /// Cuts a kind's streams into ranges of about as many events, one for each core.
    pub async fn ranges(&mut self, kind: &str) -> Result<Vec<Range>, sqlx::Error> {
        let shares = shares();
        if shares == 1 || self.estimate(kind).await? < LEAST_EVENTS {
            return Ok(vec![Range::default()]);
        }
        let cuts: Vec<f64> = (1..shares).map(|share| share as f64 / shares as f64).collect();
        let bounds: Option<Vec<String>> = sqlx::query_scalar(
            "SELECT percentile_disc($2::float8[]) WITHIN GROUP (ORDER BY aggregate_id)
               FROM events TABLESAMPLE SYSTEM (
                    (SELECT least(100, 100 * $3 / greatest(relpages, 1)) FROM pg_class WHERE oid = 'events'::regclass))
              WHERE aggregate_type = $1",
        )
        .bind(kind)
        .bind(cuts)
        .bind(SAMPLED_PAGES)
        .fetch_one(&mut self.connection)
        .await?;
        Ok(between(bounds.unwrap_or_default()))
    }
}

impl Shared {
    pub async fn session(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = long_session(&self.connect).await?;
        connection.execute(SNAPSHOT).await?;
        let import = format!("SET TRANSACTION SNAPSHOT {}", literal(&self.id));
        connection.execute(import.as_str()).await?;
        Ok(connection)
    }
}

impl Range {
    /// Above `above`, which is no id if it is empty, and to the end if there is no `up_to`.
    pub fn between(above: &str, up_to: Option<&str>) -> Self {
        let above = (!above.is_empty()).then(|| above.to_owned());
        Self { above, up_to: up_to.map(str::to_owned) }
    }

    /// The end of a WHERE clause.
    pub fn condition(&self, column: &str) -> String {
        let above = self.above.iter().map(|id| format!(" AND {column} > {}", literal(id)));
        let up_to = self.up_to.iter().map(|id| format!(" AND {column} <= {}", literal(id)));
        above.chain(up_to).collect()
    }
}

/// `bounds` in the order of ids; one that comes twice is one.
fn between(mut bounds: Vec<String>) -> Vec<Range> {
    bounds.dedup();
    let above = std::iter::once(None).chain(bounds.iter().cloned().map(Some));
    let up_to = bounds.iter().cloned().map(Some).chain([None]);
    above.zip(up_to).map(|(above, up_to)| Range { above, up_to }).collect()
}

/// The events of a range, stream after stream.
pub(crate) struct Events<'c> {
    rows: Rows<'c>,
    /// Filled anew for each event.
    record: Record,
}

impl<'c> Events<'c> {
    /// The events up to a position. Folds don't look at metadata, so it isn't read.
    pub async fn of(
        connection: &'c mut PgConnection,
        kind: &str,
        range: &Range,
        up_to: Position,
    ) -> Result<Self, sqlx::Error> {
        let query = format!(
            "SELECT aggregate_id, sequence, event_type, event_version, payload, position, event_id, recorded_at
               FROM events WHERE aggregate_type = {} AND position <= {up_to}{}
              ORDER BY aggregate_id, sequence",
            literal(kind),
            range.condition("aggregate_id")
        );
        let record = Record {
            position: Position::START,
            event_id: uuid::Uuid::nil(),
            aggregate_type: kind.to_owned(),
            aggregate_id: String::new(),
            sequence: 0,
            event_type: String::new(),
            event_version: String::new(),
            payload: Box::default(),
            metadata: [].into(),
            recorded_at: chrono::DateTime::UNIX_EPOCH,
        };
        Ok(Self { rows: Rows::of(connection, &query).await?, record })
    }

    pub async fn next(&mut self) -> Result<Option<&Record>, sqlx::Error> {
        let Some(row) = self.rows.next().await? else { return Ok(None) };
        let mut fields = Fields::of(&row, 8)?;
        let record = &mut self.record;
        replace(&mut record.aggregate_id, fields.text()?);
        record.sequence = fields.bigint()?;
        replace(&mut record.event_type, fields.text()?);
        replace(&mut record.event_version, fields.text()?);
        let payload = RawValue::from_string(fields.text()?.to_owned());
        record.payload = payload.map_err(|error| sqlx::Error::Decode(error.into()))?;
        record.position = Position(fields.bigint()?);
        record.event_id = fields.uuid()?;
        record.recorded_at = fields.time()?;
        fields.end()?;
        Ok(Some(record))
    }
}

fn replace(text: &mut String, with: &str) {
    text.clear();
    text.push_str(with);
}

/// Takes leave of a session. PostgreSQL complains in its log of those that vanish in a transaction.
pub(crate) async fn end(session: PgConnection) {
    // What it was for is done.
    let _ = session.close().await;
}

/// A session that may take its time, for reading or writing all of a read model.
pub(crate) async fn long_session(connect: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    // Slow by design: not worth a warning each time.
    let connect = connect.clone().application_name("daybook rebuild").disable_statement_logging();
    let mut connection = connect.connect().await?;
    connection
        .execute(
            // A statement whose client is gone ends within a second, even if it makes an index.
            // Streams are stored in about the order of their ids, so going by the key is cheaper than it looks.
            "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = '10min';
             SET client_connection_check_interval = '1s'; SET standard_conforming_strings = on;
             SET random_page_cost = 1.1; SET jit = off; SET work_mem = '64MB'; SET maintenance_work_mem = '256MB'",
        )
        .await?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_touch_and_leave_nothing_out() {
        assert_eq!(between(vec![]), [Range::default()]);
        let cut = between(vec!["b".into(), "b".into(), "it's".into()]);
        let conditions: Vec<String> = cut.iter().map(|range| range.condition("id")).collect();
        assert_eq!(conditions, [" AND id <= 'b'", " AND id > 'b' AND id <= 'it''s'", " AND id > 'it''s'"]);
    }
}
