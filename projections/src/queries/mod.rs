//! Questions that read models answer: from the cache, else from the table in service.
//!
//! A row and the checkpoint that it belongs to are read by one statement, hence from one snapshot, so
//! an answer always knows at which position it was true.

mod answer;
mod as_of;
mod flights;
mod question;

use std::future::Future;

use sqlx::{Postgres, QueryBuilder};

use answer::List;
use question::Rendered;

use crate::{
    cursor::Cursor,
    read_models::{orders, products, stock},
};

pub use crate::cache::Served;
pub use answer::Queries;
pub use question::{Answer, Asked, Moment, Page, QueryError, RenderError, Rendering};

const MAX_PAGE: u16 = 100;

impl Queries {
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
}
