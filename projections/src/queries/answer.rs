//! How a question is answered: from the cache, or by one statement and then into the cache.

use std::{any::Any, future::Future, sync::Arc, time::Duration};

use daybook_domain::Position;
use serde::de::DeserializeOwned;
use sqlx::{PgPool, Postgres, QueryBuilder};
use tokio::time::{sleep, timeout_at};

use super::{
    flights::Flights,
    question::{Answer, Asked, Page, QueryError},
    table::{Plan, Read, ReadAt, Stored, Table},
};
use crate::{
    cache::{Cache, Key, Kind, Of},
    log,
    projection::{sums, table},
    read_models::{Groups, List, Place, ReadModel},
};

/// How often the checkpoint is looked at while no notification tells of it.
const POLL: Duration = Duration::from_millis(100);
/// The largest number of rows on a page.
const MAX_PAGE: u16 = 100;
/// The size of the largest page, unless a single row is larger. It is that of the documents of its rows.
const MAX_PAGE_BYTES: usize = 2 << 20;
/// The largest number of groups on a page of sums, which are small.
const MAX_GROUPS: u16 = 1_000;
/// How much memory an answer takes for each byte of the stored rows that it is made of: its values, and
/// their bytes as they are sent.
const BYTES_PER_STORED_BYTE: usize = 3;

/// Answers questions. A cheap handle.
#[derive(Clone)]
pub struct Queries {
    pub(super) pool: PgPool,
    pub(super) cache: Arc<Cache>,
    flights: Arc<Flights>,
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

    /// What `make` makes of the row of `id`, if there is one.
    pub async fn item<M, T, E, F>(
        &self,
        id: String,
        asked: &Asked,
        make: impl FnOnce(M::Row) -> F,
    ) -> Result<Option<Answer<T>>, E>
    where
        M: ReadModel,
        T: Send + Sync + 'static,
        E: From<QueryError>,
        F: Future<Output = Result<T, E>>,
    {
        if id.contains('\0') {
            // The database takes no NUL, and no id has one.
            return Ok(None);
        }
        let key = Key { kind: kind::<M>(asked), of: Of::Item(id) };
        if let Some(answer) = self.at_once(&key, asked) {
            return Ok(Some(answer));
        }
        let answer = async {
            if let Some(answer) = self.in_a_while(&key, asked).await? {
                return Ok(Some(answer));
            }
            let read = async {
                let read = self.table::<M>().read(asked.min_position, |query, generation| {
                    let table = table::name(M::NAME, generation);
                    query.push(format!(", r.doc::text AS doc FROM c LEFT JOIN {table} r ON r.id = "));
                    query.push_bind(key.text().to_owned());
                });
                let Read { at, mut rows, .. } = read.await?;
                let Some(Stored { row, bytes }) = rows.pop().flatten() else { return Ok(None) };
                let value = make(row).await?;
                Ok(Some(self.keep(key.clone(), at, bytes, value)))
            };
            self.flights.share(&key, |answer| asked.accepts(answer), read).await
        };
        self.in_time(M::NAME, asked, Box::pin(answer)).await
    }

    /// What `make` makes of the rows of `list`. Always there, though it may be empty.
    pub async fn list<L, T, E, F>(
        &self,
        list: &L,
        asked: &Asked,
        make: impl FnOnce(Page<<L::Model as ReadModel>::Row>) -> F,
    ) -> Result<Answer<T>, E>
    where
        L: List,
        T: Send + Sync + 'static,
        E: From<QueryError>,
        F: Future<Output = Result<T, E>>,
    {
        let limit = list.limit().clamp(1, MAX_PAGE);
        let of = Of::List { words: format!("{list:?}"), group: list.group().map(str::to_owned) };
        let key = Key { kind: kind::<L::Model>(asked), of };
        let place = list.place();
        let nearest_first = if place == Place::Before(()) { L::BACKWARDS } else { L::ORDER };
        let select = |query: &mut QueryBuilder<'_, Postgres>, generation| {
            let table = table::name(L::Model::NAME, generation);
            query.push(format!(" LEFT JOIN LATERAL (SELECT * FROM {table} WHERE true"));
            list.conditions(query);
            query.push(format!(" ORDER BY {nearest_first} LIMIT ")).push_bind(i64::from(limit) + 1);
            query.push(format!(") r ON true ORDER BY r.{nearest_first}"));
        };
        let plan = if list.depends_on_values() { Plan::EachTime } else { Plan::Kept };
        let page = |rows, is_cut| Page::at(place, limit.into(), rows, is_cut, L::key);
        self.page::<L::Model, _, T, E, F>(key, asked, plan, select, page, make).await
    }

    /// What `make` makes of the sums of a tally, in `groups`. Always there, though it may be empty.
    pub async fn groups<G, T, E, F>(
        &self,
        groups: &G,
        asked: &Asked,
        make: impl FnOnce(Page<G::Group>) -> F,
    ) -> Result<Answer<T>, E>
    where
        G: Groups,
        T: Send + Sync + 'static,
        E: From<QueryError>,
        F: Future<Output = Result<T, E>>,
    {
        let limit = groups.limit().clamp(1, MAX_GROUPS);
        let of = Of::List { words: format!("{groups:?}"), group: None };
        let key = Key { kind: kind::<G::Model>(asked), of };
        let select = |query: &mut QueryBuilder<'_, Postgres>, generation| {
            query.push(" LEFT JOIN LATERAL (SELECT * FROM (");
            groups.select(query, &sums::name(G::Model::NAME, generation));
            query.push(") g ORDER BY number LIMIT ").push_bind(i64::from(limit) + 1);
            query.push(") r ON true ORDER BY r.number");
        };
        // Sums are paged forwards only.
        let page =
            |rows, is_cut| Page::at(Place::First, limit.into(), rows, is_cut, |group| groups.key(group));
        self.page::<G::Model, _, T, E, F>(key, asked, Plan::Kept, select, page, make).await
    }

    /// `select` adds to `FROM c` what is joined as `r`: one row more than the page has, which tells whether there
    /// are more. `page` makes the page of them, and is told whether some were left out because of their size.
    async fn page<M, R, T, E, F>(
        &self,
        key: Key,
        asked: &Asked,
        plan: Plan,
        select: impl Fn(&mut QueryBuilder<'_, Postgres>, i32),
        page: impl FnOnce(Vec<R>, bool) -> Page<R>,
        make: impl FnOnce(Page<R>) -> F,
    ) -> Result<Answer<T>, E>
    where
        M: ReadModel,
        R: DeserializeOwned,
        T: Send + Sync + 'static,
        E: From<QueryError>,
        F: Future<Output = Result<T, E>>,
    {
        if let Some(answer) = self.at_once(&key, asked) {
            return Ok(answer);
        }
        let answer = async {
            if let Some(answer) = self.in_a_while(&key, asked).await? {
                return Ok(answer);
            }
            let read = async {
                let table = self.table::<M>().planned(plan).within(MAX_PAGE_BYTES);
                let read = table.read::<R>(asked.min_position, |query, generation| {
                    query.push(", r.doc::text AS doc FROM c");
                    select(query, generation);
                });
                let Read { at, rows, is_cut } = read.await?;
                let stored = rows.into_iter().flatten();
                let (sizes, rows): (Vec<_>, Vec<_>) = stored.map(|stored| (stored.bytes, stored.row)).unzip();
                let value = make(page(rows, is_cut)).await?;
                Ok(Some(self.keep(key.clone(), at, sizes.iter().sum(), value)))
            };
            let shared = self.flights.share::<T, E>(&key, |answer| asked.accepts(answer), read);
            shared.await?.ok_or_else(|| QueryError::NotReady.into())
        };
        self.in_time(M::NAME, asked, Box::pin(answer)).await
    }

    /// A cached answer, if the caller set no minimum position. Whatever takes longer is boxed, so that this
    /// stays small.
    fn at_once<T: Any + Send + Sync>(&self, key: &Key, asked: &Asked) -> Option<Answer<T>> {
        match asked.min_position {
            None => self.kept(key),
            Some(_) => None,
        }
    }

    /// A cached answer, once the projection has reached the minimum position.
    async fn in_a_while<T: Any + Send + Sync>(
        &self,
        key: &Key,
        asked: &Asked,
    ) -> Result<Option<Answer<T>>, QueryError> {
        let Some(position) = asked.min_position else { return Ok(None) };
        self.wait_for(key.kind.model, position).await?;
        Ok(self.kept(key))
    }

    pub(super) fn kept<T: Any + Send + Sync>(&self, key: &Key) -> Option<Answer<T>> {
        let (value, position) = self.cache.get(key)?;
        Some(Answer { value: value.downcast().ok()?, position })
    }

    /// Keeps what was made of rows of `bytes`, as they are stored, and answers with it.
    pub(super) fn keep<T: Any + Send + Sync>(
        &self,
        key: Key,
        at: ReadAt,
        bytes: usize,
        value: T,
    ) -> Answer<T> {
        let value = Arc::new(value);
        let read_at = (at.epoch, at.generation, at.position);
        self.cache.put(key, read_at, Arc::clone(&value) as _, BYTES_PER_STORED_BYTE * bytes);
        Answer { value, position: at.position }
    }

    pub(super) fn table<M: ReadModel>(&self) -> Table<'_, M> {
        Table::new(&self.pool, &self.cache)
    }

    pub(super) async fn in_time<T, E: From<QueryError>>(
        &self,
        model: &str,
        asked: &Asked,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let late = timeout_at(asked.deadline.into(), answer).await;
        late.unwrap_or_else(|_| {
            let position = self.position(model);
            Err(match asked.min_position {
                Some(asked) if position < asked => QueryError::Behind { position }.into(),
                _ => QueryError::DeadlineExceeded.into(),
            })
        })
    }

    /// Returns when the read model has come as far as `position`. The caller sets the time limit.
    pub(super) async fn wait_for(&self, model: &str, position: Position) -> Result<(), QueryError> {
        let mut seen = self.cache.seen(model);
        let mut is_in_the_log = false;
        loop {
            let now = *seen.borrow_and_update();
            if now.live && now.position >= position {
                return Ok(());
            }
            if !now.live && self.checkpoint(model).await? >= position {
                return Ok(());
            }
            // What isn't in the log now was never told to any client.
            if !is_in_the_log {
                let head = log::head(&self.pool).await?;
                if position > head {
                    return Err(QueryError::Ahead { head });
                }
                is_in_the_log = true;
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
}

pub(super) fn kind<M: ReadModel>(asked: &Asked) -> Kind {
    Kind { model: M::NAME, read: asked.read, audience: asked.audience }
}
