//! Questions that read models answer: from the cache, else from the table in service.
//!
//! A row and the checkpoint that it belongs to are read by one statement, hence from one snapshot, so
//! an answer always knows at which position it was true.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use daybook_domain::Position;
use sha2::{Digest, Sha256};
use sqlx::{PgPool, Postgres, QueryBuilder, Row, postgres::PgRow};
use tokio::time::{sleep, timeout_at};

use crate::{
    cache::{Cache, Key},
    cursor::{BadCursor, Cursor},
    read_models::{ReadModel, orders, products, stock, table},
};

/// How often the checkpoint is looked at while no notification tells of it.
const POLL: Duration = Duration::from_millis(100);
const MAX_PAGE: u16 = 100;

/// Answers questions. A cheap handle.
#[derive(Clone)]
pub struct Queries {
    pool: PgPool,
    cache: Arc<Cache>,
}

/// How a question is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The answer must have seen this much of the log.
    pub min_position: Option<Position>,
    pub deadline: Instant,
    /// Names the rendering: two of them must not share a name.
    pub view: &'static str,
}

/// What a caller makes of rows.
#[derive(Debug)]
pub struct Rendering {
    pub body: Bytes,
    /// Who may see it, if that depends.
    pub owner: Option<String>,
    /// `"<version>"` of an item; made from the bytes, if `None`.
    pub etag: Option<String>,
}

pub type RenderError = Box<dyn std::error::Error + Send + Sync>;

/// A ready-made answer, shared by all who get it.
#[derive(Debug)]
pub struct Served {
    pub body: Bytes,
    pub etag: String,
    pub owner: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub served: Arc<Served>,
    /// It was true here at the latest; never below the asked position.
    pub position: Position,
}

/// Rows in their order, and where the next page begins, if there is one.
#[derive(Debug)]
pub struct Page<R> {
    pub rows: Vec<R>,
    pub next: Option<Cursor>,
}

#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The asked position was not reached before the deadline.
    #[error("the read model is at {position}")]
    Behind { position: Position },
    /// The read model has no table yet.
    #[error("the read model is being made")]
    NotReady,
    #[error("the deadline passed")]
    DeadlineExceeded,
    #[error(transparent)]
    BadCursor(#[from] BadCursor),
    #[error(transparent)]
    Unavailable(#[from] sqlx::Error),
    /// The caller could not make bytes of the rows.
    #[error(transparent)]
    Rendering(RenderError),
}

type Rendered = Result<Rendering, RenderError>;

impl Queries {
    pub(crate) fn new(pool: PgPool, cache: Arc<Cache>) -> Self {
        Self { pool, cache }
    }

    pub async fn order<F>(
        &self,
        id: &str,
        asked: &Asked,
        render: impl FnOnce(orders::Row) -> F,
    ) -> Result<Option<Answer>, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        self.item::<orders::Orders, F>(id, asked, render).await
    }

    pub async fn product<F>(
        &self,
        sku: &str,
        asked: &Asked,
        render: impl FnOnce(products::Row) -> F,
    ) -> Result<Option<Answer>, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        self.item::<products::Products, F>(sku, asked, render).await
    }

    pub async fn stock<F>(
        &self,
        sku: &str,
        asked: &Asked,
        render: impl FnOnce(stock::Row) -> F,
    ) -> Result<Option<Answer>, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        self.item::<stock::StockLevels, F>(sku, asked, render).await
    }

    pub async fn orders<F>(
        &self,
        filter: &orders::Filter,
        asked: &Asked,
        render: impl FnOnce(Page<orders::Row>) -> F,
    ) -> Result<Answer, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        let before = filter.after.as_ref().map(Cursor::position).transpose()?;
        let limit = filter.limit.clamp(1, MAX_PAGE);
        let list = List {
            name: format!("{filter:?}"),
            limit,
            order: "placed_position DESC",
            key: |row: &orders::Row| row.placed_position.to_string(),
        };
        let conditions = |query: &mut QueryBuilder<'_, Postgres>| {
            if let Some(status) = filter.status {
                query.push(" AND status = ").push_bind(status.as_str());
            }
            if let Some(customer) = &filter.customer {
                query.push(" AND customer = ").push_bind(customer.clone());
            }
            if let Some(before) = before {
                query.push(" AND placed_position < ").push_bind(before);
            }
        };
        self.list::<orders::Orders, F>(&list, conditions, asked, render).await
    }

    pub async fn products<F>(
        &self,
        filter: &products::Filter,
        asked: &Asked,
        render: impl FnOnce(Page<products::Row>) -> F,
    ) -> Result<Answer, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        let limit = filter.limit.clamp(1, MAX_PAGE);
        let list = List {
            name: format!("{filter:?}"),
            limit,
            order: "id",
            key: |row: &products::Row| row.sku.clone(),
        };
        let conditions = |query: &mut QueryBuilder<'_, Postgres>| {
            if filter.only_published {
                query.push(" AND status = 'published'");
            }
            if let Some(q) = &filter.q {
                query.push(" AND search LIKE ").push_bind(products::pattern(q));
            }
            if let Some(after) = &filter.after {
                query.push(" AND id > ").push_bind(after.key().to_owned());
            }
        };
        self.list::<products::Products, F>(&list, conditions, asked, render).await
    }

    /// How far the read model `name` is known to have come.
    pub fn position(&self, name: &str) -> Position {
        self.cache.seen(name).borrow().position
    }

    /// Throws every ready-made answer away: a person was erased, say.
    pub fn forget_answers(&self) {
        self.cache.forget_all();
    }

    async fn item<M: ReadModel, F>(
        &self,
        id: &str,
        asked: &Asked,
        render: impl FnOnce(M::Row) -> F,
    ) -> Result<Option<Answer>, QueryError>
    where
        F: Future<Output = Rendered>,
    {
        let key = Key::Item(M::NAME, id.to_owned());
        let answer = async {
            self.wait_for(M::NAME, asked.min_position).await?;
            if let Some((served, position)) = self.cache.get(&key, asked.view) {
                return Ok(Some(Answer { served, position }));
            }
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
        self.in_time(M::NAME, asked, answer).await
    }

    async fn list<M: ReadModel, F>(
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
        let answer = async {
            self.wait_for(M::NAME, asked.min_position).await?;
            if let Some((served, position)) = self.cache.get(&key, asked.view) {
                return Ok(Answer { served, position });
            }
            let order = list.order;
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
            Ok(self.keep(key.clone(), asked, &read, rendering))
        };
        self.in_time(M::NAME, asked, answer).await
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
    async fn wait_for(&self, model: &str, position: Option<Position>) -> Result<(), QueryError> {
        let Some(position) = position else { return Ok(()) };
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
            "SELECT c.position FROM read_models r
               JOIN checkpoints c ON c.name = r.name AND c.generation = r.live_generation
              WHERE r.name = $1",
        )
        .bind(model)
        .fetch_optional(&self.pool)
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
            let mut query = QueryBuilder::new("WITH c AS (SELECT position FROM checkpoints WHERE name = ");
            query.push_bind(model).push(" AND generation = ").push_bind(generation);
            query.push(") SELECT c.position");
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
        let etag = rendering.etag.unwrap_or_else(|| digest(&rendering.body));
        let served = Arc::new(Served { body: rendering.body, etag, owner: rendering.owner });
        self.cache.put(key, asked.view, (read.epoch, read.generation, read.position), &served);
        Answer { served, position: read.position }
    }
}

/// What one statement saw.
struct Read {
    epoch: u64,
    generation: i32,
    position: Position,
    rows: Vec<PgRow>,
}

/// A list: its name in the cache, how many, in which order, and by what the next page finds on.
struct List<R> {
    name: String,
    limit: u16,
    order: &'static str,
    key: fn(&R) -> String,
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
