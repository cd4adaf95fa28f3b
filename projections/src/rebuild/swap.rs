//! Puts a generation into service: one row moves. No table is renamed or locked, so no reader waits.

use std::sync::Arc;

use daybook_domain::Position;
use sqlx::PgConnection;

use super::{
    job::{Ended, Job, PAGE_EVENTS},
    state::RebuildState,
};
use crate::{
    background::Background,
    checkpoint::{CheckpointState, Reached},
    log,
    notices::{self, Notice, READ},
    projection::projector::Projector,
    read_models::Definition,
};

/// The most that is applied while the live generation waits.
const MAX_PAGES: usize = 20;

/// While the live checkpoints are held, the new generation is brought up to them; so a reader that saw a
/// position before the swap sees at least as much after it.
pub(super) async fn swap(
    job: &Job<'_>,
    projectors: &[Projector],
    verification: &serde_json::Value,
) -> Result<(), Ended> {
    let name = job.definition.name;
    let mut transaction = job.background.pool.begin().await?;
    let live: i32 = sqlx::query_scalar("SELECT live_generation FROM read_models WHERE name = $1 FOR UPDATE")
        .bind(name)
        .fetch_one(&mut *transaction)
        .await?;
    let reached = Reached::held(&mut transaction, name, live).await?.ok_or(Ended::NotOurs)?;
    let mut positions = Vec::new();
    for projector in projectors {
        positions.push(bring_up_to(projector, &mut transaction, reached.most()).await?);
    }

    // What an operator has stopped stays stopped.
    sqlx::query(
        "UPDATE checkpoints SET state = $4, updated_at = clock_timestamp()
          WHERE name = $1 AND generation = $2 AND state = $5
            AND EXISTS (SELECT FROM checkpoints WHERE name = $1 AND generation = $3 AND state = $4)",
    )
    .bind(name)
    .bind(job.generation)
    .bind(live)
    .bind(CheckpointState::Paused)
    .bind(CheckpointState::Running)
    .execute(&mut *transaction)
    .await?;
    sqlx::query(
        "UPDATE read_models SET live_generation = $2, previous_generation = $3,
                swapped_at = clock_timestamp() WHERE name = $1",
    )
    .bind(name)
    .bind(job.generation)
    .bind(live)
    .execute(&mut *transaction)
    .await?;
    let done = sqlx::query(
        "UPDATE rebuilds SET state = $4, verification = $3, finished_at = clock_timestamp(),
                updated_at = clock_timestamp()
          WHERE id = $1 AND generation = $2 AND state = ANY($5)",
    )
    .bind(job.id)
    .bind(job.generation)
    .bind(verification)
    .bind(RebuildState::Done)
    .bind(RebuildState::Done.before())
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() != 1 {
        return Err(Ended::NotOurs);
    }
    let notice = Notice::Live { model: name.to_owned(), generation: job.generation, positions };
    notices::notify(&mut *transaction, READ, &notice.payload()).await?;
    transaction.commit().await?;
    Ok(())
}

async fn bring_up_to(
    projector: &Projector,
    transaction: &mut PgConnection,
    goal: Position,
) -> Result<Position, Ended> {
    let checkpoint = projector.consumer().read(&mut *transaction).await?.ok_or(Ended::NotOurs)?;
    let mut at = checkpoint.at;
    for _ in 0..MAX_PAGES {
        if at.position >= goal {
            return Ok(at.position);
        }
        let page = log::page(&mut *transaction, at.position, PAGE_EVENTS).await?;
        if page.records.is_empty() {
            break;
        }
        let records: Vec<_> = page.records.into_iter().map(Arc::new).collect();
        at = projector.apply(transaction, at, &records).await?.ok_or(Ended::NotOurs)?;
    }
    if at.position >= goal {
        return Ok(at.position);
    }
    Err(Ended::failure("the live generation moved faster than the new one"))
}

/// Drops the generations that are neither in service nor the one before. Their workers notice by the
/// checkpoint, which goes first: a statement that waits for it holds a lock of its table already.
pub(super) async fn drop_unused(background: &Background, definition: &Definition) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH unused AS (DELETE FROM checkpoints c USING (SELECT * FROM read_models WHERE name = $1 FOR UPDATE) m
          WHERE c.name = m.name AND c.generation <> m.live_generation
            AND c.generation IS DISTINCT FROM m.previous_generation
            AND NOT EXISTS (SELECT 1 FROM rebuilds r WHERE r.projection = $1 AND r.generation = c.generation
                AND r.state = ANY($2))
          RETURNING c.generation),
         events AS (DELETE FROM audits a USING unused WHERE a.name = $1 AND a.generation = unused.generation)
         DELETE FROM row_audits a USING unused WHERE a.name = $1 AND a.generation = unused.generation",
    )
    .bind(definition.name)
    .bind(RebuildState::LIVE)
    .execute(&background.pool)
    .await?;
    // Tables and their checkpoint are made in one transaction.
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT tablename::text FROM pg_tables
          WHERE schemaname = 'read' AND tablename ~ ('^' || $1 || '_g[0-9]+(_sums)?$')
            AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE name = $1
                AND tablename IN ($1 || '_g' || generation, $1 || '_g' || generation || '_sums'))",
    )
    .bind(definition.name)
    .fetch_all(&background.pool)
    .await?;
    for table in tables {
        sqlx::query(&format!("DROP TABLE IF EXISTS read.{table}")).execute(&background.pool).await?;
    }
    Ok(())
}
