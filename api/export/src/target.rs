//! Where events go.

#![cfg_attr(
    not(feature = "parquet"),
    allow(unused_variables, reason = "lines need no account of what was passed")
)]

use daybook_domain::{Position, Record, published::Published};

#[cfg(feature = "parquet")]
use crate::parquet::Parquet;
use crate::{
    args::{Args, Format},
    error::ExportError,
    lines::Lines,
    resume::Begun,
};

pub(crate) enum Target {
    Lines(Lines),
    #[cfg(feature = "parquet")]
    Parquet(Box<Parquet>),
}

impl Target {
    /// Opens it, and finds out what it has already.
    pub fn open(args: &Args) -> Result<(Self, Begun), ExportError> {
        match (args.format, &args.dir, &args.out) {
            (Format::Ndjson, None, None) => Ok((Self::Lines(Lines::to_output()), Begun::default())),
            (Format::Ndjson, None, Some(path)) if args.follow || args.resume => {
                Lines::continued(path).map(|(lines, begun)| (Self::Lines(lines), begun))
            }
            (Format::Ndjson, None, Some(path)) => Ok((Self::Lines(Lines::whole(path)?), Begun::default())),
            #[cfg(feature = "parquet")]
            (Format::Parquet, Some(dir), None) => {
                let (parquet, begun) = Parquet::open(dir, &args.choice(), args.every.get())?;
                Ok((Self::Parquet(Box::new(parquet)), begun))
            }
            _ => Err(ExportError::DirWithoutParquet),
        }
    }

    pub fn take(&mut self, event: &Published<'_>) -> Result<(), ExportError> {
        match self {
            Self::Lines(lines) => lines.write(&daybook_core::event_line::of(event)),
            #[cfg(feature = "parquet")]
            Self::Parquet(parquet) => parquet.take(event),
        }
    }

    /// Takes a record as it is stored.
    pub fn take_raw(&mut self, record: &Record) -> Result<(), ExportError> {
        match self {
            Self::Lines(lines) => lines.write(&daybook_core::event_line::raw(record)),
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => Err(ExportError::DirWithoutParquet),
        }
    }

    /// Nothing else up to `through` comes, and it may be a while until something does: what was taken can be read, if
    /// it is worth the while.
    pub fn pause(&mut self, through: Position) -> Result<(), ExportError> {
        match self {
            Self::Lines(lines) => lines.flush(),
            #[cfg(feature = "parquet")]
            Self::Parquet(parquet) => parquet.settle_if_due(through),
        }
    }

    /// Nothing else up to `through` comes, and this is all: what was taken is on the disk.
    pub fn complete(&mut self, through: Position) -> Result<(), ExportError> {
        match self {
            Self::Lines(lines) => lines.complete(),
            #[cfg(feature = "parquet")]
            Self::Parquet(parquet) => parquet.settle(through),
        }
    }

    /// Something went wrong: what was taken up to `through` is kept where it can be continued.
    pub fn keep(&mut self, through: Position) -> Result<(), ExportError> {
        match self {
            Self::Lines(Lines::Whole { .. }) => Ok(()),
            _ => self.complete(through),
        }
    }
}
