//! Questions that read models answer: from the cache, else from the table in service.
//!
//! A row and the checkpoint that it belongs to are read by one statement, hence from one snapshot, so
//! an answer always knows at which position it was true.

mod answer;
mod as_of;
mod flights;

use std::{future::Future, sync::Arc, time::Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use daybook_domain::{Position, stored::Unreadable};
use sqlx::{PgPool, Postgres, QueryBuilder};

use answer::List;
use flights::Flights;

use crate::{
    cache::Cache,
    cursor::{BadCursor, Cursor},
    read_models::{orders, products, stock},
};

const MAX_PAGE: u16 = 100;

/// Answers questions. A cheap handle.
#[derive(Clone)]
pub struct Queries {
    pool: PgPool,
    cache: Arc<Cache>,
    flights: Arc<Flights>,
}

/// How a question is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The answer must have seen this much of the log.
    pub min_position: Option<Position>,
    pub deadline: Instant,
    /// Names the rendering: two of them must not share a name.
    pub view: &'static str,
    /// Of an item: how it was then, as the log says. Lists are of today only.
    pub as_of: Option<Moment>,
}

/// A moment of the log, its last event included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When it had come to this place.
    Position(Position),
    /// What had been recorded at this time.
    Time(DateTime<Utc>),
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
    /// The asked moment is not there yet, so what is true then isn't known.
    #[error("the log is at {head}")]
    Beyond { head: Position },
    #[error("the deadline passed")]
    DeadlineExceeded,
    #[error(transparent)]
    BadCursor(#[from] BadCursor),
    #[error(transparent)]
    Unavailable(#[from] sqlx::Error),
    /// A stored event is of a shape that this release doesn't know.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The caller could not make bytes of the rows.
    #[error(transparent)]
    Rendering(RenderError),
}

type Rendered = Result<Rendering, RenderError>;

impl Queries {
    pub(crate) fn new(pool: PgPool, cache: Arc<Cache>) -> Self {
        Self { pool, cache, flights: Arc::default() }
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
        let before = filter.after.as_ref().map(Cursor::number).transpose()?;
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
}
