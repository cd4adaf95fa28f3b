//! The folder that an export goes to, and what its manifest says of it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use daybook_domain::{Position, published::Published};
use serde::{Deserialize, Serialize};

use super::{
    file::{PARTIAL, positions},
    merge::{Named, merge},
};
use crate::{
    error::ExportError,
    resume::{Begun, Last, lock},
};

const MANIFEST: &str = "_daybook.json";
const FORMAT: u32 = 1;

pub(super) struct Folder {
    path: PathBuf,
    manifest: Manifest,
    /// Keeps others out for as long as it is open.
    _locked: File,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    /// Which events were chosen.
    choice: String,
    /// Everything up to here is in the files, or was not chosen.
    through: Position,
    last: Option<Last>,
    /// Days that may have several files of a type.
    open_days: BTreeSet<NaiveDate>,
}

impl Folder {
    /// What a run that was killed has left behind is removed.
    pub fn open(path: &Path, choice: &str) -> Result<(Self, Begun), ExportError> {
        fs::create_dir_all(path)?;
        let locked = File::open(path)?;
        lock(&locked, path)?;
        let refuse = |reason: String| ExportError::NotResumable { path: path.to_owned(), reason };
        let manifest = match fs::read(path.join(MANIFEST)) {
            Ok(text) => {
                let manifest: Manifest = serde_json::from_slice(&text)
                    .map_err(|error| refuse(format!("{MANIFEST} can't be read: {error}")))?;
                if manifest.format != FORMAT {
                    return Err(refuse(format!("{MANIFEST} was written by another release")));
                }
                if manifest.choice != choice {
                    return Err(refuse(format!("it has other events ({})", manifest.choice)));
                }
                manifest
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let manifest = Manifest {
                    format: FORMAT,
                    choice: choice.to_owned(),
                    through: Position::START,
                    last: None,
                    open_days: BTreeSet::new(),
                };
                if !types_in(path)?.is_empty() {
                    return Err(refuse(format!("it has files, but no {MANIFEST}")));
                }
                write(path, &manifest)?;
                manifest
            }
            Err(error) => return Err(error.into()),
        };
        let begun = Begun { through: manifest.through, last: manifest.last };
        let folder = Self { path: path.to_owned(), manifest, _locked: locked };
        folder.tidy_up()?;
        Ok((folder, begun))
    }

    /// Where files of an event's type and day are. The type may come from another system, so it is not taken for a
    /// path.
    pub fn place(&self, event: &Published<'_>, day: NaiveDate) -> Result<PathBuf, ExportError> {
        let is_name = event.r#type.starts_with(|first: char| first.is_ascii_alphabetic())
            && event.r#type.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
        if !is_name {
            let at = u64::try_from(event.position.0).unwrap_or(0);
            return Err(ExportError::Foreign { at, reason: format!("its type is {:?}", event.r#type) });
        }
        Ok(self.path.join(format!("type={}/day={day}", event.r#type)))
    }

    /// Everything up to `through` is in files that have their names. `day` is the one of what is new.
    pub fn account(
        &mut self,
        through: Position,
        last: Option<Last>,
        day: Option<NaiveDate>,
    ) -> Result<(), ExportError> {
        self.manifest.through = through;
        self.manifest.last = last;
        self.manifest.open_days.extend(day);
        write(&self.path, &self.manifest)
    }

    /// Makes one file of several, for each type and each day that is over.
    pub fn merge_before(&mut self, today: NaiveDate) -> Result<(), ExportError> {
        let open = self.manifest.open_days.split_off(&today);
        let over = std::mem::replace(&mut self.manifest.open_days, open);
        if over.is_empty() {
            return Ok(());
        }
        let types = types_in(&self.path)?;
        for (of_type, day) in types.iter().flat_map(|of_type| over.iter().map(move |day| (of_type, day))) {
            let folder = of_type.join(format!("day={day}"));
            if folder.is_dir() {
                merge(&folder, &files_in(&folder)?)?;
            }
        }
        write(&self.path, &self.manifest)
    }

    fn tidy_up(&self) -> Result<(), ExportError> {
        for of_type in types_in(&self.path)? {
            for day in entries(&of_type)? {
                for file in entries(&day)? {
                    if file.extension().is_some_and(|extension| extension == PARTIAL) {
                        fs::remove_file(file)?;
                    }
                }
                // A merged file and those that it was made of, or files that the manifest doesn't know yet.
                let files = files_in(&day)?;
                for (file, (first, last)) in &files {
                    let holds = |(of, to): &(Position, Position)| {
                        (of, to) != (first, last) && of <= first && last <= to
                    };
                    let is_merged = files.iter().any(|(_, range)| holds(range));
                    if is_merged || *first > self.manifest.through {
                        fs::remove_file(file)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// A new manifest is there wholly or not at all.
fn write(folder: &Path, manifest: &Manifest) -> Result<(), ExportError> {
    let partial = folder.join(format!("{MANIFEST}.{PARTIAL}"));
    let mut file = File::create(&partial)?;
    file.write_all(&serde_json::to_vec_pretty(manifest).map_err(std::io::Error::from)?)?;
    file.sync_all()?;
    Ok(fs::rename(partial, folder.join(MANIFEST))?)
}

fn types_in(folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let mut found = entries(folder)?;
    found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("type=")));
    Ok(found)
}

/// Files that have their names, in the order of their positions.
fn files_in(folder: &Path) -> Result<Vec<Named>, ExportError> {
    let files = entries(folder)?.into_iter();
    Ok(files.filter_map(|path| positions(&path).map(|range| (path, range))).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    found.sort();
    Ok(found)
}
