//! Which rows of a read model are listed, and in which order; and how the sums of a tally are grouped.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use sqlx::{Postgres, QueryBuilder};

use super::definition::{ReadModel, Tally};

/// Rows of a read model in an order. Its `Debug` form names it in the cache, so it tells one list from
/// every other.
pub trait List: Debug + Send + Sync {
    type Model: ReadModel;
    /// The columns that the rows are ordered by. No two rows have the same values in all of them.
    const ORDER: &'static str;

    /// 1–100.
    fn limit(&self) -> u16;

    /// Adds ` AND …` for each condition.
    fn conditions(&self, query: &mut QueryBuilder<'_, Postgres>);

    /// What the next page finds on by.
    fn key(row: &<Self::Model as ReadModel>::Row) -> String;

    /// Whether it depends on the values in its conditions how rows are found soonest. Then the database plans it each
    /// time; a plan that is made once for all values would be a bad one for most.
    fn depends_on_values(&self) -> bool {
        false
    }
}

/// Sums of a tally, added up by some of its keys. Its `Debug` form names it in the cache, as that of a
/// [`List`] does.
pub trait Groups: Debug + Send + Sync {
    type Model: Tally;
    /// One group.
    type Group: DeserializeOwned + Send;

    /// 1–1,000.
    fn limit(&self) -> u16;

    /// Adds a SELECT of the groups, from the table of sums: each as JSON in `doc`, and numbered in their
    /// order in `number`.
    fn select(&self, query: &mut QueryBuilder<'_, Postgres>, table: &str);

    /// What the next page finds on by.
    fn key(&self, group: &Self::Group) -> String;
}
