//! Which events of the log a reader wants.

use std::{fmt, sync::Arc};

use daybook_domain::{
    Position, Record,
    published::{self, publish},
};

/// Which events, and how many of them.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub after: Position,
    /// Inclusive; the head of the log, if `None`.
    pub until: Option<Position>,
    /// The last one comes first.
    pub backwards: bool,
    pub types: Types,
    pub streams: Streams,
    pub limit: i64,
}

/// Which types of events.
#[derive(Debug, Clone, Default)]
pub enum Types {
    #[default]
    All,
    /// Events that are published as one of these types.
    Public(Vec<String>),
    /// Events that are stored under one of these names.
    Stored(Vec<String>),
}

/// Events of which streams.
#[derive(Debug, Clone, Default)]
pub enum Streams {
    #[default]
    All,
    /// Kind and id of one stream.
    One(String, String),
    /// All streams of one kind.
    OfKind(String),
    /// Streams whose kind and id, with a hyphen between them, begin with one of these.
    Prefixed(Vec<String>),
    /// Streams that a filter lets through, which is asked for each event.
    Chosen(Chooser),
}

/// Says whether a stream is wanted, by its kind and id.
#[derive(Clone)]
pub struct Chooser(Arc<Chooses>);

type Chooses = dyn Fn(&str, &str) -> bool + Send + Sync;

impl Chooser {
    pub fn new(chooses: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(chooses))
    }

    pub fn chooses(&self, kind: &str, id: &str) -> bool {
        (self.0)(kind, id)
    }
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chooser")
    }
}

impl Selection {
    /// Whether there is nothing left of it, however the log grows.
    pub fn is_spent(&self) -> bool {
        self.limit <= 0 || self.until.is_some_and(|until| self.after >= until)
    }

    /// Whether a record that a statement found is really one of them.
    pub(crate) fn includes(&self, record: &Record) -> bool {
        self.types.include(record) && self.streams.include(record)
    }

    /// Only the events themselves tell whether they match.
    pub(crate) fn is_loose(&self) -> bool {
        matches!(self.streams, Streams::Chosen(_))
            || (self.stored_names().is_none() && !matches!(self.types, Types::All))
    }

    /// The stored names that a statement looks for; `None`, if it looks for all. The types of one stream are told from
    /// its events, so that no statement reads a long stream in search of one that is rare.
    pub(crate) fn stored_names(&self) -> Option<Vec<&str>> {
        match self.streams {
            Streams::One(..) => None,
            _ => self.types.stored_names(),
        }
    }
}

impl Types {
    /// The names that they are stored under; `None`, if they may be stored under any name.
    fn stored_names(&self) -> Option<Vec<&str>> {
        match self {
            Self::All => None,
            Self::Public(types) => published::stored_names(types),
            Self::Stored(names) => Some(names.iter().map(String::as_str).collect()),
        }
    }

    fn include(&self, record: &Record) -> bool {
        match self {
            Self::All => true,
            Self::Stored(names) => names.contains(&record.event_type),
            Self::Public(types) => publish(record).is_one_of(types),
        }
    }
}

impl Streams {
    fn include(&self, record: &Record) -> bool {
        match self {
            Self::All | Self::One(..) | Self::OfKind(_) | Self::Prefixed(_) => true,
            Self::Chosen(chooser) => chooser.chooses(&record.aggregate_type, &record.aggregate_id),
        }
    }
}
