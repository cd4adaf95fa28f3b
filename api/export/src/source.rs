//! Where events come from.

use std::{pin::pin, time::Duration};

use daybook_domain::Position;
use daybook_projections::{Log, Selection, Streams, Types};
use futures::TryStreamExt;
use tokio::time::sleep;
use uuid::Uuid;

#[cfg(feature = "door")]
use crate::door::Door;
use crate::{args::Args, error::ExportError, writing::Writing};

/// How often it looks for more at the end of the log.
const POLL_EVERY: Duration = Duration::from_secs(1);

pub(crate) enum Source {
    Database(Box<Database>),
    #[cfg(feature = "door")]
    Door(Box<Door>),
}

/// The log itself.
pub(crate) struct Database {
    log: Log,
    choice: Selection,
}

impl Source {
    pub fn open(args: &Args, database_url: &str) -> Result<Self, ExportError> {
        match &args.from {
            None => Ok(Self::Database(Box::new(Database::new(args, database_url)?))),
            #[cfg(feature = "door")]
            Some(from) => Ok(Self::Door(Box::new(Door::new(args, from)?))),
            #[cfg(not(feature = "door"))]
            Some(_) => Err(ExportError::NoDoor),
        }
    }

    /// The last position of the log.
    pub async fn head(&self) -> Result<Position, ExportError> {
        match self {
            Self::Database(database) => Ok(database.log.head().await?),
            #[cfg(feature = "door")]
            Self::Door(door) => door.head().await,
        }
    }

    /// Which event is at this position.
    pub async fn event_id(&self, position: Position) -> Result<Option<Uuid>, ExportError> {
        match self {
            Self::Database(database) => Ok(database.log.event_id(position).await?),
            #[cfg(feature = "door")]
            Self::Door(door) => door.event_id(position).await,
        }
    }

    /// Reads what is chosen behind what was taken, up to `end`; for ever, if there is none.
    pub async fn read(&self, into: &mut Writing, end: Option<Position>) -> Result<(), ExportError> {
        match self {
            Self::Database(database) => database.read(into, end).await,
            #[cfg(feature = "door")]
            Self::Door(door) => door.read(into, end).await,
        }
    }
}

impl Database {
    fn new(args: &Args, url: &str) -> Result<Self, ExportError> {
        let options = daybook_migrations::connect_options(url, "daybook-export")?;
        let log = Log::new(daybook_migrations::pool(options, 1, Duration::from_secs(10)));
        let types = match &args.types {
            none if none.is_empty() => Types::All,
            names if args.raw => Types::Stored(names.clone()),
            names => Types::Public(names.clone()),
        };
        let streams = args.stream.clone().map_or(Streams::All, |stream| Streams::One(stream.kind, stream.id));
        let choice = Selection { types, streams, limit: i64::MAX, ..Selection::default() };
        Ok(Self { log, choice })
    }

    async fn read(&self, into: &mut Writing, end: Option<Position>) -> Result<(), ExportError> {
        loop {
            let head = self.log.head().await?;
            let until = end.map_or(head, |end| end.min(head));
            into.progress.ends_at(until);
            let choice = Selection { after: into.through, until: Some(until), ..self.choice.clone() };
            let mut records = pin!(self.log.export(choice));
            while let Some(record) = records.try_next().await? {
                into.take_record(&record)?;
            }
            into.passed(until);
            if end.is_some_and(|end| until >= end) {
                return Ok(());
            }
            into.pause()?;
            sleep(POLL_EVERY).await;
        }
    }
}
