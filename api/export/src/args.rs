//! What the verb is told.

use std::{path::PathBuf, str::FromStr};

use clap::ValueEnum;
use daybook_domain::settings::Span;

use crate::error::ExportError;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Lines of JSON, or Parquet files, one for each type of event and day.
    #[arg(long, value_enum, default_value_t, requires_if("parquet", "dir"))]
    pub format: Format,
    /// Only events of these types, such as OrderPlaced,OrderShipped. With --raw, these are the names that are stored.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub types: Vec<String>,
    /// Only this stream, such as stock/TEA-1.
    #[arg(long, value_name = "KIND/ID")]
    pub stream: Option<StreamName>,
    /// Only events after this position.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(0..), default_value_t = 0)]
    pub after: i64,
    /// Only events up to and including this position. If it is not given, the export ends at the head of the log
    /// at its start.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(0..))]
    pub until: Option<i64>,
    /// The file to write. It is written whole or not at all, unless it is continued. If it is not given, the events go
    /// to standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Continue the file behind its last event, in place of writing it anew. --follow does so, too.
    #[arg(long, requires = "out")]
    pub resume: bool,
    /// The folder of the Parquet files. What is in it is continued: each run adds the events behind the last one's.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["out", "raw"])]
    pub dir: Option<PathBuf>,
    /// Read the log of a running server, in place of the database: a connection string for clients of EventStoreDB,
    /// with an analyst's token as the password, as `./dev up` prints it. `-` reads it from standard input, so that no
    /// list of processes shows the token.
    #[arg(long, value_name = "esdb://NAME:TOKEN@HOST:PORT", conflicts_with = "raw")]
    pub from: Option<String>,
    /// Go on when the end of the log is reached, and write events as they come, until SIGTERM or Ctrl-C.
    #[arg(long)]
    pub follow: bool,
    /// While it follows: how long events may wait before a Parquet file is made of them.
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub every: Span,
    /// Write records as they are stored, in place of public events. Their shapes change from release to
    /// release, and some of them are not public.
    #[arg(long)]
    pub raw: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    #[default]
    Ndjson,
    Parquet,
}

/// Kind and id of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamName {
    pub kind: String,
    pub id: String,
}

#[derive(Debug, thiserror::Error)]
#[error("a stream is named KIND/ID, such as stock/TEA-1")]
pub struct InvalidStreamName;

impl FromStr for StreamName {
    type Err = InvalidStreamName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((kind, id)) if !kind.is_empty() && !id.is_empty() => {
                Ok(Self { kind: kind.to_owned(), id: id.to_owned() })
            }
            _ => Err(InvalidStreamName),
        }
    }
}

impl Args {
    /// What can be told to be wrong before anything is read.
    pub(crate) fn check(&self) -> Result<(), ExportError> {
        if (self.format == Format::Parquet) != self.dir.is_some() {
            return Err(ExportError::DirWithoutParquet);
        }
        if cfg!(not(feature = "parquet")) && self.format == Format::Parquet {
            return Err(ExportError::NoParquet);
        }
        Ok(())
    }

    /// The file or folder that is written, if there is one.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.as_ref().or(self.out.as_ref()).cloned().unwrap_or_default()
    }

    /// Which events are chosen, in words that stay the same as long as the choice does.
    pub fn choice(&self) -> String {
        let mut types = self.types.clone();
        types.sort();
        types.dedup();
        let stream = self.stream.as_ref().map(|stream| format!("{}/{}", stream.kind, stream.id));
        format!("types={} stream={}", types.join(","), stream.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_kind_and_an_id() {
        let name: StreamName = "external_id/order:INV/7".parse().expect("a name");
        assert_eq!((name.kind.as_str(), name.id.as_str()), ("external_id", "order:INV/7"));
        for bad in ["", "stock", "/TEA-1", "stock/"] {
            assert!(bad.parse::<StreamName>().is_err(), "{bad}");
        }
    }
}
