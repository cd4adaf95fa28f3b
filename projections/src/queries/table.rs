//! Reads rows of a read model from the table in service, with the position at which they were true.

use std::{marker::PhantomData, time::Duration};

use daybook_domain::Position;
use futures::{TryStreamExt, stream::BoxStream};
use serde::de::DeserializeOwned;
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};
use tokio::time::sleep;

use super::question::QueryError;
use crate::{cache::Cache, read_models::ReadModel};

/// How often to look again while the generation in service is behind the asked position.
const POLL: Duration = Duration::from_millis(100);

/// The table of a read model, whichever generation is in service.
pub(super) struct Table<'a, M> {
    pool: &'a PgPool,
    cache: &'a Cache,
    plan: Plan,
    max_bytes: usize,
    model: PhantomData<M>,
}

/// When the database plans how it finds the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plan {
    /// Once for all values, where that is as good.
    Kept,
    /// Each time, for the values that are asked for.
    EachTime,
}

/// What one statement saw.
pub(super) struct Read<R> {
    pub at: ReadAt,
    /// The rows in the order of the statement; `None` where an outer join found none.
    pub rows: Vec<Option<Stored<R>>>,
    /// There are more rows, which would be more bytes than were asked for.
    pub is_cut: bool,
}

/// When and where it was read, for the cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReadAt {
    pub epoch: u64,
    pub generation: i32,
    pub position: Position,
}

pub(super) struct Stored<R> {
    pub row: R,
    /// Size of its document.
    pub bytes: usize,
}

impl<'a, M: ReadModel> Table<'a, M> {
    pub fn new(pool: &'a PgPool, cache: &'a Cache) -> Self {
        Self { pool, cache, plan: Plan::Kept, max_bytes: usize::MAX, model: PhantomData }
    }

    pub fn planned(self, plan: Plan) -> Self {
        Self { plan, ..self }
    }

    /// Reads rows as long as their documents have no more bytes, but one at least.
    pub fn within(self, max_bytes: usize) -> Self {
        Self { max_bytes, ..self }
    }

    /// `select` adds what is read beside the checkpoint's position, given the number of the generation: the
    /// rows' documents as `doc`, NULL where an outer join finds none.
    pub async fn read<R: DeserializeOwned>(
        self,
        min_position: Option<Position>,
        select: impl Fn(&mut QueryBuilder<'_, Postgres>, i32),
    ) -> Result<Read<R>, QueryError> {
        let seen = *self.cache.seen(M::NAME).borrow();
        let epoch = self.cache.epoch(M::NAME);
        let mut known = (seen.live && seen.generation > 0).then_some(seen.generation);
        loop {
            let generation = match known {
                Some(generation) => generation,
                None => self.live_generation().await?,
            };
            let mut query = QueryBuilder::new(
                "WITH c AS (SELECT min(position) AS position FROM checkpoints WHERE name = ",
            );
            query.push_bind(M::NAME).push(" AND generation = ").push_bind(generation);
            // No row at all, if it is gone.
            query.push(" HAVING count(*) > 0) SELECT c.position");
            select(&mut query, generation);
            let query = query.build().persistent(self.plan == Plan::Kept);
            let mut found = query.fetch(self.pool);
            let first = match found.try_next().await {
                // That generation was dropped since we heard of it.
                Err(error) if is_undefined_table(&error) && known.is_some() => None,
                first => first?,
            };
            let Some(first) = first else {
                if known.take().is_none() {
                    return Err(QueryError::NotReady);
                }
                continue;
            };
            let position = Position(first.try_get(0)?);
            if min_position.is_none_or(|least| position >= least) {
                let at = ReadAt { epoch, generation, position };
                return Ok(self.collect(at, first, found).await?);
            }
            drop(found);
            // Another generation went into service, and is behind the one before.
            sleep(POLL).await;
            known = None;
        }
    }

    async fn collect<R: DeserializeOwned>(
        &self,
        at: ReadAt,
        first: PgRow,
        mut others: BoxStream<'_, Result<PgRow, sqlx::Error>>,
    ) -> Result<Read<R>, sqlx::Error> {
        let first = decode(&first)?;
        let bytes_of = |stored: &Option<Stored<R>>| stored.as_ref().map_or(0, |stored| stored.bytes);
        let mut bytes = bytes_of(&first);
        let mut read = Read { at, rows: vec![first], is_cut: false };
        while let Some(row) = others.try_next().await? {
            let stored = decode(&row)?;
            bytes += bytes_of(&stored);
            if bytes > self.max_bytes {
                read.is_cut = true;
                break;
            }
            read.rows.push(stored);
        }
        Ok(read)
    }

    async fn live_generation(&self) -> Result<i32, QueryError> {
        sqlx::query_scalar("SELECT live_generation FROM read_models WHERE name = $1")
            .bind(M::NAME)
            .fetch_optional(self.pool)
            .await?
            .ok_or(QueryError::NotReady)
    }
}

fn decode<R: DeserializeOwned>(row: &PgRow) -> Result<Option<Stored<R>>, sqlx::Error> {
    let Some(doc) = row.try_get::<Option<&str>, _>("doc")? else { return Ok(None) };
    let row = serde_json::from_str(doc).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Some(Stored { row, bytes: doc.len() }))
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "42P01")
}
