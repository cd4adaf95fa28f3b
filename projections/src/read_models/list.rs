//! Which rows of a read model are listed, and in which order.

use std::fmt::Debug;

use sqlx::{Postgres, QueryBuilder};

use super::definition::ReadModel;

/// Rows of a read model in an order. Its `Debug` form names it in the cache, so it tells one list from
/// every other.
pub trait List: Debug + Send + Sync {
    type Model: ReadModel;
    /// By columns that together no two rows share.
    const ORDER: &'static str;

    /// 1–100.
    fn limit(&self) -> u16;

    /// Adds ` AND …` for each condition.
    fn conditions(&self, query: &mut QueryBuilder<'_, Postgres>);

    /// What the next page finds on by.
    fn key(row: &<Self::Model as ReadModel>::Row) -> String;
}
