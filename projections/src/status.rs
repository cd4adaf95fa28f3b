//! How each projection is doing: for operators, and as metrics.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use daybook_domain::{reactions::Lane, words};
use daybook_migrations::metrics::prometheus::{core::Collector, proto::Metric};
use futures::TryFutureExt;
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use tokio::time::sleep;

use crate::{
    checkpoint::CheckpointState,
    metrics,
    reactor::{ledger, listed::DUE},
    rebuild::state::RebuildState,
    timeout::with_timeout_of,
    verify::rows,
    workers::{About, Duty, Pauses, When, Worker},
};

/// An unapplied event of this age, and no progress for as long, means that no worker works on it. It is more
/// than a worker needs to replace one that died, whose lease must run out first: that is catching up.
const STALLED_SECONDS: f64 = 7.0;
/// An unapplied event of this age means that there is something to catch up with.
const CATCHING_UP_SECONDS: f64 = 3.0;
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// What is not measured within this time isn't known.
const MEASURE_TIMEOUT: Duration = Duration::from_secs(3);

words! {
    /// How a projection is doing. The worst comes last.
    pub enum ProjectionState {
        Running = "running",
        CatchingUp = "catching_up",
        Rebuilding = "rebuilding",
        Paused = "paused",
        /// There is something to apply, and no worker applies it.
        Stalled = "stalled",
        /// It has stopped in front of an event that can't be applied: see the dead letters.
        Parked = "parked",
        /// The log says otherwise: it has another history than the one that was applied, or the auditor
        /// found something.
        Diverged = "diverged",
    }
}

#[cfg(feature = "schema")]
daybook_domain::schema_of_words!(ProjectionState);

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ProjectionStatus {
    pub name: String,
    pub generation: i32,
    /// The one that a rollback would serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub previous_generation: Option<i32>,
    pub status: ProjectionState,
    pub position: i64,
    pub head: i64,
    pub lag_events: i64,
    /// Age of the oldest event that is not applied; 0 if there is none.
    pub lag_seconds: f64,
    /// Why it is parked or diverged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub reason: Option<String>,
    /// Which stream of the log itself has lost an event, if its rows were compared and that was found. No rebuild
    /// repairs that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub broken_stream: Option<String>,
    /// For a read model: the position up to which it is known to have applied exactly the log's events.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub proved_position: Option<i64>,
    /// When all its rows had last been compared with the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(nullable = false))]
    pub rows_compared_at: Option<DateTime<Utc>>,
    /// For a read model whose streams are shared by several workers: each part. The status and the position above
    /// are the worst and the lowest of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<PartitionStatus>,
}

#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct PartitionStatus {
    pub partition: i32,
    pub status: ProjectionState,
    pub position: i64,
    pub lag_events: i64,
    pub lag_seconds: f64,
}

#[derive(FromRow)]
struct Found {
    name: String,
    generation: i32,
    previous_generation: Option<i32>,
    partition: i32,
    position: i64,
    state: CheckpointState,
    reason: Option<String>,
    head: i64,
    idle_seconds: f64,
    lag_seconds: f64,
    rebuilding: bool,
    finding: Option<String>,
    proved_position: Option<i64>,
    rows_compared_at: Option<DateTime<Utc>>,
}

impl From<Found> for ProjectionStatus {
    fn from(found: Found) -> Self {
        let is_stalled = found.lag_seconds.min(found.idle_seconds) > STALLED_SECONDS;
        let status = match found.state {
            CheckpointState::Parked => ProjectionState::Parked,
            CheckpointState::Paused => ProjectionState::Paused,
            CheckpointState::Diverged => ProjectionState::Diverged,
            CheckpointState::Running if found.finding.is_some() => ProjectionState::Diverged,
            CheckpointState::Running if is_stalled => ProjectionState::Stalled,
            CheckpointState::Running if found.rebuilding => ProjectionState::Rebuilding,
            CheckpointState::Running if found.lag_seconds > CATCHING_UP_SECONDS => {
                ProjectionState::CatchingUp
            }
            CheckpointState::Running => ProjectionState::Running,
        };
        Self {
            name: found.name,
            generation: found.generation,
            previous_generation: found.previous_generation,
            status,
            position: found.position,
            head: found.head,
            lag_events: (found.head - found.position).max(0),
            lag_seconds: found.lag_seconds,
            broken_stream: found.finding.clone().filter(|finding| rows::is_of_the_log(finding)),
            reason: found.reason.or(found.finding),
            proved_position: found.proved_position,
            rows_compared_at: found.rows_compared_at,
            partitions: vec![PartitionStatus {
                partition: found.partition,
                status,
                position: found.position,
                lag_events: (found.head - found.position).max(0),
                lag_seconds: found.lag_seconds,
            }],
        }
    }
}

impl ProjectionStatus {
    /// The same projection with one more partition.
    fn with(mut self, other: Self) -> Self {
        if other.status > self.status {
            self.status = other.status;
            self.reason = other.reason;
        }
        self.position = self.position.min(other.position);
        self.lag_events = self.lag_events.max(other.lag_events);
        self.lag_seconds = self.lag_seconds.max(other.lag_seconds);
        // `None`, the least of all: there is one of which nothing is known.
        self.proved_position = self.proved_position.min(other.proved_position);
        self.partitions.extend(other.partitions);
        self
    }
}

/// Every read model's generation in service, and the reactor.
pub(crate) async fn list(pool: &PgPool) -> Result<Vec<ProjectionStatus>, sqlx::Error> {
    let found: Vec<Found> = sqlx::query_as(
        "SELECT c.name, c.generation, m.previous_generation, c.partition, c.position, c.state, c.reason, head.position AS head,
                extract(epoch FROM clock_timestamp() - c.updated_at)::float8 AS idle_seconds,
                greatest(coalesce(extract(epoch FROM clock_timestamp() - next.recorded_at), 0), 0)::float8
                    AS lag_seconds,
                EXISTS (SELECT 1 FROM rebuilds b WHERE b.projection = c.name AND b.state = ANY($2)) AS rebuilding,
                coalesce(r.wrong_row, a.wrong_events) AS finding, a.proved_position, r.rows_compared_at
           FROM checkpoints c
           LEFT JOIN read_models m ON m.name = c.name
           LEFT JOIN audits a ON (a.name, a.generation, a.partition) = (c.name, c.generation, c.partition)
           LEFT JOIN row_audits r ON (r.name, r.generation) = (c.name, c.generation)
           LEFT JOIN events next ON next.position = c.position + 1
          CROSS JOIN (SELECT coalesce(max(position), 0) AS position FROM events) head
          WHERE c.generation = m.live_generation OR c.name = $1
          ORDER BY c.name, c.partition",
    )
    .bind(ledger::NAME)
    .bind(RebuildState::LIVE)
    .fetch_all(pool)
    .await?;
    let mut all: Vec<ProjectionStatus> = Vec::new();
    for status in found.into_iter().map(ProjectionStatus::from) {
        match all.pop_if(|last| last.name == status.name) {
            Some(last) => all.push(last.with(status)),
            None => all.push(status),
        }
    }
    for status in &mut all {
        if status.partitions.len() == 1 {
            status.partitions.clear();
        }
    }
    Ok(all)
}

/// Keeps the gauges up to date, in every process: one that doesn't project shows that no process does.
pub(crate) struct Gauges(pub PgPool);

#[async_trait]
impl Worker for Gauges {
    fn about(&self) -> About {
        let description =
            "Measures how far the projections and the effects of all processes are, for the metrics.";
        About::new("status", description, When::every(MEASURE_INTERVAL))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::new(MEASURE_INTERVAL, MEASURE_INTERVAL));
        while !duty.is_over() {
            let measured = with_timeout_of(MEASURE_TIMEOUT, measure(&self.0));
            let complain = |error: &_| tracing::debug!(%error, "cannot measure the projections");
            if rounds.attempt(measured.inspect_err(|_| forget_measures()), complain).await.is_some() {
                rounds.went_well();
                duty.or_over(sleep(MEASURE_INTERVAL)).await;
            }
        }
    }
}

/// What the gauges of this process say: where the log ends, and the lag of each projection in seconds.
pub fn measured() -> (i64, Vec<(String, f64)>) {
    let lags = metrics::PROJECTION_LAG_SECONDS.collect().into_iter().flat_map(|mut family| {
        let named = |metric: &Metric| {
            let name = metric.get_label().first()?.value().to_owned();
            Some((name, metric.get_gauge().get_value()))
        };
        family.take_metric().iter().filter_map(named).collect::<Vec<_>>()
    });
    (metrics::HEAD.get(), lags.collect())
}

/// What was true before may not be so any more.
fn forget_measures() {
    metrics::PROJECTION_STATE.reset();
    metrics::PROJECTION_LAG_EVENTS.reset();
    metrics::PROJECTION_LAG_SECONDS.reset();
    metrics::EFFECTS_DUE.reset();
    metrics::EFFECTS_OLDEST_DUE.reset();
}

async fn measure(pool: &PgPool) -> Result<(), sqlx::Error> {
    let idle = i64::try_from(pool.num_idle()).unwrap_or(i64::MAX);
    metrics::POOL_CONNECTIONS.with_label_values(&["open"]).set(pool.size().into());
    metrics::POOL_CONNECTIONS.with_label_values(&["idle"]).set(idle);
    metrics::POOL_CONNECTIONS.with_label_values(&["max"]).set(pool.options().get_max_connections().into());
    for projection in list(pool).await? {
        let name = projection.name.as_str();
        metrics::PROJECTION_LAG_EVENTS.with_label_values(&[name]).set(projection.lag_events);
        metrics::PROJECTION_LAG_SECONDS.with_label_values(&[name]).set(projection.lag_seconds);
        if let Some(proved) = projection.proved_position {
            metrics::PROVED_POSITION.with_label_values(&[name]).set(proved);
        }
        for state in ProjectionState::ALL {
            let value = i64::from(state == projection.status);
            metrics::PROJECTION_STATE.with_label_values(&[name, state.as_str()]).set(value);
        }
    }
    let open = "SELECT count(*) FROM dead_letters WHERE resolution IS NULL";
    metrics::DEAD_LETTERS.set(sqlx::query_scalar(open).fetch_one(pool).await?);
    let due: Vec<(String, i64, f64)> = sqlx::query_as(DUE).fetch_all(pool).await?;
    // Each lane is told, also while nothing of it is due.
    for lane in Lane::ALL {
        let of_lane = due.iter().find(|(other, ..)| other == lane.as_str());
        let (count, oldest) = of_lane.map_or((0, 0.0), |(_, count, oldest)| (*count, *oldest));
        metrics::EFFECTS_DUE.with_label_values(&[lane.as_str()]).set(count);
        metrics::EFFECTS_OLDEST_DUE.with_label_values(&[lane.as_str()]).set(oldest);
    }
    metrics::EFFECTS_PENDING.set(due.iter().map(|(_, count, _)| count).sum());
    metrics::EFFECTS_OLDEST.set(due.iter().map(|(.., oldest)| *oldest).fold(0.0, f64::max));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    use CheckpointState::{Parked, Paused, Running};

    fn partition(
        partition: i32,
        position: i64,
        state: CheckpointState,
        proved: Option<i64>,
    ) -> ProjectionStatus {
        found(partition, position, state, proved).into()
    }

    fn found(partition: i32, position: i64, state: CheckpointState, proved: Option<i64>) -> Found {
        Found {
            name: "orders".into(),
            generation: 1,
            previous_generation: None,
            partition,
            position,
            state,
            reason: (state != Running).then(|| format!("{partition} is {state}")),
            head: 10,
            idle_seconds: 0.0,
            lag_seconds: 0.0,
            rebuilding: false,
            finding: None,
            proved_position: proved,
            rows_compared_at: None,
        }
    }

    #[test]
    fn a_projection_is_as_bad_as_its_worst_partition() {
        let all = partition(0, 10, Running, Some(10)).with(partition(1, 4, Parked, Some(3))).with(partition(
            2,
            7,
            Paused,
            Some(7),
        ));
        assert_eq!((all.status, all.reason.as_deref()), (ProjectionState::Parked, Some("1 is parked")));
        assert_eq!((all.position, all.lag_events, all.proved_position), (4, 6, Some(3)));
        assert_eq!(all.partitions.len(), 3);
    }

    #[test]
    fn a_stream_that_has_lost_an_event_is_told_from_a_row_that_is_wrong() {
        let found = |finding: &str| {
            let found = Found { finding: Some(finding.into()), ..found(0, 10, Running, Some(10)) };
            ProjectionStatus::from(found).broken_stream
        };
        let lost = "ord_1: the log has no event 2 of this stream";
        assert_eq!(found(lost).as_deref(), Some(lost));
        assert_eq!(found("ord_1: version 3 at position 7, the log says 2 at 5"), None);
        assert_eq!(found("ord_1: there is a row, but no event of it in the log"), None);
    }

    #[test]
    fn what_nobody_looked_at_is_not_proved() {
        let all = partition(0, 10, Running, Some(10)).with(partition(1, 10, Running, None));
        assert_eq!(all.proved_position, None);
    }
}
