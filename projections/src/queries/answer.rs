//! How a question is answered: from the cache, or by one statement and then into the cache.

use std::{future::Future, sync::Arc, time::Duration};

use daybook_domain::Position;
use sha2::{Digest, Sha256};
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};
use tokio::time::{sleep, timeout_at};

use super::{
    flights::Flights,
    question::{Answer, Asked, Page, QueryError, Rendered, Rendering},
};
use crate::{
    cache::{Cache, Key, Served},
    cursor::Cursor,
    projection::table,
    read_models::ReadModel,
};

/// How often the checkpoint is looked at while no notification tells of it.
const POLL: Duration = Duration::from_millis(100);

/// Answers questions. A cheap handle.
#[derive(Clone)]
pub struct Queries {
    pub(super) pool: PgPool,
    cache: Arc<Cache>,
    flights: Arc<Flights>,
}

/// A list: its name in the cache, how many, in which order, and by what the next page finds on.
pub(super) struct List<R> {
    pub name: String,
    pub limit: u16,
    pub order: &'static str,
    pub key: fn(&R) -> String,
}

impl Queries {
    pub(crate) fn new(pool: PgPool, cache: Arc<Cache>) -> Self {
        Self { pool, cache, flights: Arc::default() }
    }

    /// How far the read model `name` is known to have come.
    pub fn position(&self, name: &str) -> Position {
        self.cache.seen(name).borrow().position
    }

    /// Throws every ready-made answer away: a person was erased, say.
    pub fn forget_answers(&self) {
        self.cache.forget_all();
    }

    pub(super) async fn item<M: ReadModel, F>(
        &self,
        id: &str,
        asked: &Asked,
        render: impl FnOnce(M::Row) -> F,
    ) -> Result<Option<Answer>, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        if id.contains('\0') {
            // The database takes no NUL, and no id has one.
            return Ok(None);
        }
        if let Some(moment) = asked.as_of {
            return self.in_time(M::NAME, asked, Box::pin(self.item_as_of::<M, F>(id, moment, render))).await;
        }
        let key = Key::Item(M::NAME, id.to_owned());
        if let Some(answer) = self.at_once(&key, asked) {
            return Ok(Some(answer));
        }
        let answer = async {
            if let Some(answer) = self.in_a_while(&key, asked).await? {
                return Ok(Some(answer));
            }
            let read = async {
                let read = self
                    .read(M::NAME, asked, |query, table| {
                        query.push(format!(", r.doc::text AS doc FROM c LEFT JOIN {table} r ON r.id = "));
                        query.push_bind(id.to_owned());
                    })
                    .await?;
                let Some(row) = decode::<M>(&read.rows)?.pop() else { return Ok(None) };
                let rendering = render(row).await.map_err(QueryError::Rendering)?;
                Ok(Some(self.keep(key.clone(), asked, &read, rendering)))
            };
            self.flights.share((key.clone(), asked.view), |answer| asked.accepts(answer), read).await
        };
        self.in_time(M::NAME, asked, Box::pin(answer)).await
    }

    pub(super) async fn list<M: ReadModel, F>(
        &self,
        list: &List<M::Row>,
        conditions: impl Fn(&mut QueryBuilder<'_, Postgres>),
        asked: &Asked,
        render: impl FnOnce(Page<M::Row>) -> F,
    ) -> Result<Answer, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        let key = Key::List(M::NAME, list.name.clone());
        if let Some(answer) = self.at_once(&key, asked) {
            return Ok(answer);
        }
        let answer = async {
            if let Some(answer) = self.in_a_while(&key, asked).await? {
                return Ok(answer);
            }
            let order = list.order;
            let read = async {
                let read = self
                    .read(M::NAME, asked, |query, table| {
                        query.push(format!(
                            ", r.doc::text AS doc FROM c LEFT JOIN LATERAL (SELECT * FROM {table} WHERE true"
                        ));
                        conditions(query);
                        query.push(format!(" ORDER BY {order} LIMIT ")).push_bind(i64::from(list.limit) + 1);
                        query.push(format!(") r ON true ORDER BY r.{order}"));
                    })
                    .await?;
                let mut rows = decode::<M>(&read.rows)?;
                let more = rows.len() > usize::from(list.limit);
                rows.truncate(list.limit.into());
                let next = rows.last().filter(|_| more).map(|row| Cursor::behind((list.key)(row)));
                let rendering = render(Page { rows, next }).await.map_err(QueryError::Rendering)?;
                Ok(Some(self.keep(key.clone(), asked, &read, rendering)))
            };
            let shared = self.flights.share((key.clone(), asked.view), |answer| asked.accepts(answer), read);
            // A page is always there, though it may be empty.
            shared.await?.ok_or(QueryError::NotReady)
        };
        self.in_time(M::NAME, asked, Box::pin(answer)).await
    }

    /// What is kept ready, for who needn't wait. Whatever takes longer is boxed, so that this stays small.
    fn at_once(&self, key: &Key, asked: &Asked) -> Option<Answer> {
        let (served, position) = match asked.min_position {
            None => self.cache.get(key, asked.view)?,
            Some(_) => return None,
        };
        Some(Answer { served, position })
    }

    /// The same for who asked for a position, when it is reached.
    async fn in_a_while(&self, key: &Key, asked: &Asked) -> Result<Option<Answer>, QueryError> {
        let Some(position) = asked.min_position else { return Ok(None) };
        self.wait_for(key.model(), position).await?;
        Ok(self.cache.get(key, asked.view).map(|(served, position)| Answer { served, position }))
    }

    async fn in_time<T>(
        &self,
        model: &str,
        asked: &Asked,
        answer: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        let late = timeout_at(asked.deadline.into(), answer).await;
        late.unwrap_or_else(|_| {
            let position = self.position(model);
            match asked.min_position {
                Some(asked) if position < asked => Err(QueryError::Behind { position }),
                _ => Err(QueryError::DeadlineExceeded),
            }
        })
    }

    /// Returns when the read model has come as far as `position`. The caller sets the time limit.
    async fn wait_for(&self, model: &str, position: Position) -> Result<(), QueryError> {
        let mut seen = self.cache.seen(model);
        loop {
            let now = *seen.borrow_and_update();
            if now.live && now.position >= position {
                return Ok(());
            }
            if !now.live && self.checkpoint(model).await? >= position {
                return Ok(());
            }
            tokio::select! { _ = seen.changed() => {} () = sleep(POLL) => {} }
        }
    }

    async fn checkpoint(&self, model: &str) -> Result<Position, QueryError> {
        let position: Option<i64> = sqlx::query_scalar(
            "SELECT min(c.position) FROM read_models r
               JOIN checkpoints c ON c.name = r.name AND c.generation = r.live_generation
              WHERE r.name = $1",
        )
        .bind(model)
        .fetch_one(&self.pool)
        .await?;
        position.map(Position).ok_or(QueryError::NotReady)
    }

    /// Reads from the generation in service. `select` adds what is read beside the checkpoint's
    /// position, given the name of the table.
    async fn read(
        &self,
        model: &'static str,
        asked: &Asked,
        select: impl Fn(&mut QueryBuilder<'_, Postgres>, &str),
    ) -> Result<Read, QueryError> {
        let seen = *self.cache.seen(model).borrow();
        let epoch = self.cache.epoch(model);
        let mut known = (seen.live && seen.generation > 0).then_some(seen.generation);
        loop {
            let generation = match known {
                Some(generation) => generation,
                None => self.live_generation(model).await?,
            };
            let mut query = QueryBuilder::new(
                "WITH c AS (SELECT min(position) AS position FROM checkpoints WHERE name = ",
            );
            query.push_bind(model).push(" AND generation = ").push_bind(generation);
            // No row at all, if it is gone.
            query.push(" HAVING count(*) > 0) SELECT c.position");
            select(&mut query, &table::name(model, generation));
            let rows = match query.build().fetch_all(&self.pool).await {
                // That generation was dropped since we heard of it.
                Err(error) if is_undefined_table(&error) && known.is_some() => vec![],
                rows => rows?,
            };
            let Some(first) = rows.first() else {
                if known.take().is_none() {
                    return Err(QueryError::NotReady);
                }
                continue;
            };
            let position = Position(first.try_get(0)?);
            if asked.min_position.is_none_or(|least| position >= least) {
                return Ok(Read { epoch, generation, position, rows });
            }
            // Another generation went into service, and is behind the one before.
            sleep(POLL).await;
            known = None;
        }
    }

    async fn live_generation(&self, model: &str) -> Result<i32, QueryError> {
        sqlx::query_scalar("SELECT live_generation FROM read_models WHERE name = $1")
            .bind(model)
            .fetch_optional(&self.pool)
            .await?
            .ok_or(QueryError::NotReady)
    }

    fn keep(&self, key: Key, asked: &Asked, read: &Read, rendering: Rendering) -> Answer {
        let served = Arc::new(Served::from(rendering));
        self.cache.put(key, asked.view, (read.epoch, read.generation, read.position), &served);
        Answer { served, position: read.position }
    }
}

impl Asked {
    /// Whether an answer that was read for somebody else will do.
    fn accepts(&self, answer: &Option<Answer>) -> bool {
        self.min_position.is_none_or(|least| answer.as_ref().is_some_and(|answer| answer.position >= least))
    }
}

impl From<Rendering> for Served {
    fn from(Rendering { body, owner, etag }: Rendering) -> Self {
        let etag = etag.unwrap_or_else(|| digest(&body));
        Self { body, etag, owner }
    }
}

/// What one statement saw.
struct Read {
    epoch: u64,
    generation: i32,
    position: Position,
    rows: Vec<PgRow>,
}

/// The documents; none where the outer join found no row.
fn decode<M: ReadModel>(rows: &[PgRow]) -> Result<Vec<M::Row>, sqlx::Error> {
    let docs = rows.iter().map(|row| row.try_get::<Option<&str>, _>("doc"));
    docs.filter_map(Result::transpose)
        .map(|doc| serde_json::from_str(doc?).map_err(|error| sqlx::Error::Decode(error.into())))
        .collect()
}

fn digest(body: &[u8]) -> String {
    let hash = Sha256::digest(body);
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

fn is_undefined_table(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "42P01")
}
