//! Which rows of a read model are listed, and in which order; and how the sums of a tally are grouped.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use sqlx::{Postgres, QueryBuilder};

use super::definition::{ReadModel, Tally};
use crate::cursor::Cursor;

/// Which page of a list: the first one, or the one beside a row, whose key is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Place<K> {
    #[default]
    First,
    After(K),
    Before(K),
}

impl<K> Place<K> {
    pub fn try_map<L, E>(self, change: impl FnOnce(K) -> Result<L, E>) -> Result<Place<L>, E> {
        Ok(match self {
            Self::First => Place::First,
            Self::After(key) => Place::After(change(key)?),
            Self::Before(key) => Place::Before(change(key)?),
        })
    }

    /// The place without the row.
    pub fn side(&self) -> Place<()> {
        match self {
            Self::First => Place::First,
            Self::After(_) => Place::After(()),
            Self::Before(_) => Place::Before(()),
        }
    }
}

impl Place<Cursor> {
    /// The condition of a list that is ordered by id.
    pub(super) fn by_id(&self, query: &mut QueryBuilder<'_, Postgres>) {
        match self {
            Self::First => {}
            Self::After(row) => {
                query.push(" AND id > ").push_bind(row.key().to_owned());
            }
            Self::Before(row) => {
                query.push(" AND id < ").push_bind(row.key().to_owned());
            }
        }
    }
}

/// Rows of a read model in an order. Its `Debug` form names it in the cache, so it tells one list from
/// every other.
pub trait List: Debug + Send + Sync {
    type Model: ReadModel;
    /// The columns that the rows are ordered by. No two rows have the same values in all of them.
    const ORDER: &'static str;
    /// The same from the last to the first.
    const BACKWARDS: &'static str;

    /// 1–100.
    fn limit(&self) -> u16;

    fn place(&self) -> Place<()>;

    /// The group that all of its rows are of, if its conditions ask for one.
    fn group(&self) -> Option<&str> {
        None
    }

    /// Adds ` AND …` for each condition, the place among them.
    fn conditions(&self, query: &mut QueryBuilder<'_, Postgres>);

    /// What the pages beside it find on by.
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
