//! Why an export ends before it should.

use std::{io, path::PathBuf};

use daybook_domain::Position;

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("can't read the log: {0}")]
    Log(#[from] sqlx::Error),
    #[error("can't write: {0}")]
    Write(#[from] io::Error),
    #[error("--format parquet needs --dir, and --dir needs --format parquet")]
    DirWithoutParquet,
    #[error("this build can't write Parquet: it was made without the feature `parquet`")]
    NoParquet,
    #[error("this build can't read from a server: it was made without the feature `export-from`")]
    NoDoor,
    /// The reason doesn't repeat the string, because a token is in it.
    #[error("--from is no connection string such as esdb://NAME:TOKEN@HOST:2113?tlsCAFile=/PATH: {0}")]
    ConnectionString(String),
    /// Another attempt may find the server again.
    #[error("can't read the log of {server}: {reason}")]
    Unreachable { server: String, reason: String },
    #[error("{0} refuses the token, or its owner may not read the log (role analyst)")]
    AccessDenied(String),
    #[error("can't read the log of {server}: {reason}")]
    Server { server: String, reason: String },
    #[error("the event at position {at} is none that Daybook wrote: {reason}")]
    Foreign { at: u64, reason: String },
    #[error("another export writes to {}", .0.display())]
    InUse(PathBuf),
    #[error("{} is not an export that can be continued: {reason}", path.display())]
    NotResumable { path: PathBuf, reason: String },
    #[error("{} ends with event {at}, which the log doesn't have: it was made from another log", path.display())]
    OtherHistory { path: PathBuf, at: Position },
    #[error("{} has the events up to position {through}: --after {after} would leave some out", path.display())]
    Gap { path: PathBuf, through: Position, after: Position },
    #[cfg(feature = "parquet")]
    #[error("can't write Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    #[cfg(feature = "parquet")]
    #[error("can't write Parquet: {0}")]
    Columns(#[from] arrow_schema::ArrowError),
    #[error("it was interrupted behind position {0}")]
    Interrupted(Position),
}

impl ExportError {
    /// Whether another attempt may go well.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Log(error) => !matches!(error, sqlx::Error::Configuration(_)),
            Self::Unreachable { .. } => true,
            _ => false,
        }
    }

    /// `daybook export | head` has what it wants.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
