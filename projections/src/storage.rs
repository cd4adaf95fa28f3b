//! How large the database and the streams are, as metrics: what fills a disk, and how fast.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    metrics,
    timeout::with_timeout_of,
    workers::{About, Duty, Pauses, When, Worker},
};

const MEASURE_INTERVAL: Duration = Duration::from_secs(60);
/// What is not measured within this time isn't known. The sizes of files are looked up, and nothing is read.
const MEASURE_TIMEOUT: Duration = Duration::from_secs(10);
/// The sizes of so many tables are told, the largest.
const TABLES: i64 = 40;

/// Measures the database, in every process, so that the figures outlive any of them.
pub(crate) struct Storage(pub PgPool);

#[async_trait]
impl Worker for Storage {
    fn about(&self) -> About {
        let description = "Measures how large the database and its tables are, for the metrics.";
        About::new("storage", description, When::every(MEASURE_INTERVAL))
    }

    async fn run(&self, duty: &Duty) {
        let rounds = duty.rounds(Pauses::new(MEASURE_INTERVAL, MEASURE_INTERVAL));
        while !duty.is_over() {
            let measured = with_timeout_of(MEASURE_TIMEOUT, measure(&self.0));
            let complain = |error: &_| tracing::debug!(%error, "cannot measure the database");
            if rounds.attempt(measured, complain).await.is_some() {
                rounds.went_well();
                duty.or_over(sleep(MEASURE_INTERVAL)).await;
            }
        }
    }
}

async fn measure(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // The size of a table that is locked waits for the lock, and the connection is one that queries need.
    sqlx::query("SET LOCAL lock_timeout = '100ms'").execute(&mut *transaction).await?;
    let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(&mut *transaction)
        .await?;
    let tables: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT n.nspname || '.' || c.relname, size.of_table, size.of_indexes
           FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
          CROSS JOIN LATERAL (
                SELECT coalesce(pg_table_size(c.oid), 0) AS of_table, coalesce(pg_indexes_size(c.oid), 0) AS of_indexes
          ) size
          WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          ORDER BY size.of_table + size.of_indexes DESC, 1
          LIMIT $1",
    )
    .bind(TABLES)
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    metrics::DATABASE_BYTES.set(bytes);
    // A generation that was dropped has no size any more.
    metrics::TABLE_BYTES.reset();
    for (table, of_table, of_indexes) in tables {
        metrics::TABLE_BYTES.with_label_values(&[table.as_str(), "table"]).set(of_table);
        metrics::TABLE_BYTES.with_label_values(&[table.as_str(), "indexes"]).set(of_indexes);
    }
    Ok(())
}
