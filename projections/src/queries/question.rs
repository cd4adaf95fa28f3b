//! How a question is asked, and what its answer is.

use std::{sync::Arc, time::Instant};

use chrono::{DateTime, Utc};
use daybook_domain::{Position, stored::Unreadable};

use crate::{
    cache::Audience,
    cursor::{BadCursor, Cursor},
    read_models::Place,
};

/// How a question is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The answer must have seen this much of the log.
    pub min_position: Option<Position>,
    pub deadline: Instant,
    /// Name of what is made of the rows: one name always means one type of answer.
    pub read: &'static str,
    /// The callers that it is made for.
    pub audience: Audience,
}

/// A moment of the log, its last event included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When it had come to this place.
    Position(Position),
    /// What had been recorded at this time.
    Time(DateTime<Utc>),
}

/// What a caller made of rows, shared by all who get it.
#[derive(Debug)]
pub struct Answer<T> {
    pub value: Arc<T>,
    /// The answer reflects every event up to here; never below the asked position.
    pub position: Position,
}

/// Rows in their order, and where the pages beside them are, if there are any.
#[derive(Debug)]
pub struct Page<R> {
    pub rows: Vec<R>,
    /// What the page before is in front of.
    pub prev: Option<Cursor>,
    /// What the next page is behind.
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
    /// The position to wait for is not in the log, so no client was told of it.
    #[error("the log is at {head}")]
    Ahead { head: Position },
    #[error("the deadline passed")]
    DeadlineExceeded,
    #[error(transparent)]
    BadCursor(#[from] BadCursor),
    #[error(transparent)]
    Unavailable(#[from] sqlx::Error),
    /// A stored event is of a shape that this release doesn't know.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Asked {
    /// Whether an answer that was read for another caller will do.
    pub(super) fn accepts<T>(&self, answer: Option<&Answer<T>>) -> bool {
        self.min_position.is_none_or(|least| answer.is_some_and(|answer| answer.position >= least))
    }
}

impl<R> Page<R> {
    /// A page of `rows`, the nearest to its place first, of which there is one more than `limit` where the list goes on
    /// beyond them, or fewer if they were cut. There was a row on the side that the reader comes from.
    pub(super) fn at(
        place: Place<()>,
        limit: usize,
        mut rows: Vec<R>,
        is_cut: bool,
        key: impl Fn(&R) -> String,
    ) -> Self {
        let beyond = is_cut || rows.len() > limit;
        rows.truncate(limit);
        let (has_prev, has_next) = match place {
            Place::First => (false, beyond),
            Place::After(()) => (true, beyond),
            Place::Before(()) => {
                rows.reverse();
                (beyond, true)
            }
        };
        let beside = |row: Option<&R>| row.map(|row| Cursor::beside(key(row)));
        let prev = beside(rows.first().filter(|_| has_prev));
        let next = beside(rows.last().filter(|_| has_next));
        Self { rows, prev, next }
    }
}

impl<T> Clone for Answer<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), position: self.position }
    }
}
