//! `daybook export`: the log as NDJSON, straight from the database. These are the public events, or,
//! with `--raw`, what is stored. Sealed data stays sealed in both.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    pin::pin,
    str::FromStr,
    time::Duration,
};

use daybook_core::event_line;
use daybook_domain::{Position, Record};
use daybook_projections::{Log, Selection, Streams, Types};
use futures::TryStreamExt;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only events of these types, such as OrderPlaced,OrderShipped. With --raw, these are the names that are stored.
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    pub types: Vec<String>,
    /// Only this stream, such as stock/TEA-1.
    #[arg(long, value_name = "KIND/ID")]
    pub stream: Option<StreamName>,
    /// Only events after this position.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    pub after: i64,
    /// Only events up to and including this position. If it is not given, the export ends at the head of the log
    /// at its start.
    #[arg(long, value_name = "POSITION")]
    pub until: Option<i64>,
    /// The file to write. It is written whole or not at all. If it is not given, the events go to standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write records as they are stored, in place of public events. Their shapes change from release to
    /// release, and some of them are not public.
    #[arg(long)]
    pub raw: bool,
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

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error("can't read the log: {0}")]
    Log(#[from] sqlx::Error),
    #[error("can't write: {0}")]
    Write(#[from] io::Error),
}

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

/// Returns how many events were written.
pub async fn run(args: &Args, database_url: &str) -> Result<u64, ExportError> {
    let options = daybook_migrations::connect_options(database_url, "daybook-export")?;
    let log = Log::new(daybook_migrations::pool(options, 1, Duration::from_secs(10)));
    let selection = Selection {
        after: Position(args.after),
        // Without an end, an export of a busy log might never end.
        until: Some(args.until.map_or(log.head().await?, Position)),
        types: args.types(),
        streams: args.stream.clone().map_or(Streams::All, |stream| Streams::One(stream.kind, stream.id)),
        limit: i64::MAX,
        ..Selection::default()
    };
    match &args.out {
        Some(path) => to_file(path, &log, selection, args.line()).await,
        None => match write_all(io::stdout().lock(), &log, selection, args.line()).await {
            // `daybook export | head` has what it wants.
            Err(ExportError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            written => written,
        },
    }
}

impl Args {
    fn types(&self) -> Types {
        match &self.types {
            none if none.is_empty() => Types::All,
            names if self.raw => Types::Stored(names.clone()),
            names => Types::Public(names.clone()),
        }
    }

    fn line(&self) -> Line {
        if self.raw { event_line::raw } else { event_line::public }
    }
}

/// How a record is written.
type Line = fn(&Record) -> Vec<u8>;

/// Half an export must not look like a whole one, so the file gets its name when it is complete.
async fn to_file(path: &Path, log: &Log, selection: Selection, line: Line) -> Result<u64, ExportError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let file = File::create(&partial)?;
    let written = write_all(&file, log, selection, line).await?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    Ok(written)
}

async fn write_all(out: impl Write, log: &Log, selection: Selection, line: Line) -> Result<u64, ExportError> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut records = pin!(log.export(selection));
    let mut written = 0;
    while let Some(record) = records.try_next().await? {
        out.write_all(&line(&record))?;
        written += 1;
    }
    out.flush()?;
    Ok(written)
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
