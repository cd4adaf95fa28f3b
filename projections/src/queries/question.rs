//! How a question is asked, and what its answer is.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use daybook_domain::{Position, stored::Unreadable};

use crate::{
    cache::Served,
    cursor::{BadCursor, Cursor},
};

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

pub(super) type Rendered = Result<Rendering, RenderError>;
