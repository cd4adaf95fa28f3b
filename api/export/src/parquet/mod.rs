//! Events as Parquet: a file for each type, day and run, `type=OrderPlaced/day=2026-11-25/FIRST-LAST.parquet`.
//!
//! What comes together gets its names together, and then the manifest says so. A file with positions behind the
//! manifest's is one that a run which was killed had no time to account for: the next run removes it and reads those
//! events again. Days are days of `recorded_at`, in UTC; when one is over, its files become one.

mod columns;
mod file;
mod folder;
mod merge;

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use chrono::NaiveDate;
use daybook_domain::{Position, published::Published};

use self::{file::TypeFile, folder::Folder};
use crate::{
    error::ExportError,
    resume::{Begun, Last},
};

pub(crate) struct Parquet {
    folder: Folder,
    /// How long events may wait until they can be read.
    every: Duration,
    /// The day of the last event.
    day: Option<NaiveDate>,
    /// What is written of this day, by type.
    files: BTreeMap<String, TypeFile>,
    /// Since when there is something in them.
    since: Option<Instant>,
    last: Option<Last>,
}

impl Parquet {
    pub fn open(path: &Path, choice: &str, every: Duration) -> Result<(Self, Begun), ExportError> {
        let (folder, begun) = Folder::open(path, choice)?;
        let new = Self { folder, every, day: None, files: BTreeMap::new(), since: None, last: begun.last };
        Ok((new, begun))
    }

    pub fn take(&mut self, event: &Published<'_>) -> Result<(), ExportError> {
        let day = event.recorded_at.date_naive();
        if self.day.is_some_and(|open| open != day) {
            self.settle(Position(event.position.0 - 1))?;
        }
        self.day = Some(day);
        let file = match self.files.get_mut(event.r#type) {
            Some(file) => file,
            None => {
                let file = TypeFile::begin(&self.folder.place(event, day)?, event)?;
                self.files.entry(event.r#type.to_owned()).or_insert(file)
            }
        };
        file.take(event)?;
        self.since.get_or_insert_with(Instant::now);
        self.last = Some(Last { position: event.position, event_id: event.event_id });
        Ok(())
    }

    pub fn settle_if_due(&mut self, through: Position) -> Result<(), ExportError> {
        match self.since {
            Some(since) if since.elapsed() >= self.every => self.settle(through),
            _ => Ok(()),
        }
    }

    /// What was taken can be read, and is not read from the log again.
    pub fn settle(&mut self, through: Position) -> Result<(), ExportError> {
        let written = std::mem::take(&mut self.files);
        let finished: Result<Vec<_>, _> = written.into_values().map(TypeFile::finish).collect();
        let finished = finished?;
        for file in &finished {
            file.publish()?;
        }
        self.since = None;
        let day = self.day.filter(|_| !finished.is_empty());
        self.folder.account(through, self.last, day)?;
        if let Some(today) = self.day {
            self.folder.merge_before(today)?;
        }
        Ok(())
    }
}
