//! Events as lines of JSON, in a file or on standard output.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use daybook_domain::Position;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    error::ExportError,
    resume::{Begun, Last, lock},
};

const BUFFER_BYTES: usize = 1 << 16;
/// A line of more than this is none that Daybook wrote.
const MAX_LINE_BYTES: u64 = 64 << 20;

pub(crate) enum Lines {
    Output(BufWriter<io::Stdout>),
    /// It gets its name when it is complete: half an export must not look like a whole one.
    Whole {
        file: BufWriter<File>,
        partial: PathBuf,
        path: PathBuf,
    },
    /// It is there from the beginning, and is continued.
    Continued(BufWriter<File>),
}

/// What is read of a line to go on behind it.
#[derive(Deserialize)]
struct Place {
    position: Position,
    event_id: Uuid,
}

impl Lines {
    pub fn to_output() -> Self {
        Self::Output(BufWriter::with_capacity(BUFFER_BYTES, io::stdout()))
    }

    pub fn whole(path: &Path) -> Result<Self, ExportError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&partial)?;
        lock(&file, path)?;
        file.set_len(0)?;
        Ok(Self::Whole { file: BufWriter::with_capacity(BUFFER_BYTES, file), partial, path: path.to_owned() })
    }

    /// A file that isn't there is made. A line that was not written whole is cut off.
    pub fn continued(path: &Path) -> Result<(Self, Begun), ExportError> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        lock(&file, path)?;
        let end = end_of_lines(&mut file)?;
        let begun = match last_line(&mut file, end)? {
            None => Begun::default(),
            Some(line) => {
                let Place { position, event_id } = serde_json::from_slice(&line).map_err(|error| {
                    let reason = format!("its last line is no event: {error}");
                    ExportError::NotResumable { path: path.to_owned(), reason }
                })?;
                Begun { through: position, last: Some(Last { position, event_id }) }
            }
        };
        // Only now: a file of something else is left as it is.
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok((Self::Continued(BufWriter::with_capacity(BUFFER_BYTES, file)), begun))
    }

    pub fn write(&mut self, line: &[u8]) -> Result<(), ExportError> {
        match self {
            Self::Output(out) => out.write_all(line)?,
            Self::Whole { file, .. } | Self::Continued(file) => file.write_all(line)?,
        }
        Ok(())
    }

    /// Gives what was written to the reader.
    pub fn flush(&mut self) -> Result<(), ExportError> {
        match self {
            Self::Output(out) => out.flush()?,
            Self::Whole { file, .. } | Self::Continued(file) => file.flush()?,
        }
        Ok(())
    }

    /// The export is complete.
    pub fn complete(&mut self) -> Result<(), ExportError> {
        self.flush()?;
        match self {
            Self::Output(_) => {}
            Self::Continued(file) => file.get_ref().sync_all()?,
            Self::Whole { file, partial, path } => {
                file.get_ref().sync_all()?;
                fs::rename(partial, path)?;
            }
        }
        Ok(())
    }
}

/// How much of the file are whole lines.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    Ok(last_break(file, length)?.map_or(0, |at| at + 1))
}

/// The last one of the lines that end at `end`.
fn last_line(file: &mut File, end: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(last) = end.checked_sub(1) else { return Ok(None) };
    let start = last_break(file, last)?.map_or(0, |at| at + 1);
    if last - start > MAX_LINE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the last line is too long to be an event"));
    }
    file.seek(SeekFrom::Start(start))?;
    let mut line = Vec::new();
    file.take(last - start).read_to_end(&mut line)?;
    Ok(Some(line))
}

/// Where the last line break in front of `end` is.
fn last_break(file: &mut File, end: u64) -> io::Result<Option<u64>> {
    let mut end = end;
    let mut block = [0; BUFFER_BYTES];
    while end > 0 {
        let start = end.saturating_sub(BUFFER_BYTES as u64);
        let block = &mut block[..usize::try_from(end - start).unwrap_or(BUFFER_BYTES)];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(Some(start + at as u64));
        }
        end = start;
    }
    Ok(None)
}
