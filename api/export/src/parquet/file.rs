//! One file: events of a type and a day, in their order.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use daybook_domain::{Position, published::Published};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    file::{metadata::KeyValue, properties::WriterProperties},
};

use super::columns::Rows;
use crate::error::ExportError;

/// Rows that a reader can skip or take together.
const GROUP_ROWS: usize = 131_072;
/// What one group of rows may have in memory until it is written.
const GROUP_BYTES: usize = 64 << 20;
pub(super) const PARTIAL: &str = "partial";

/// A file on its way. Its name says that it is none yet.
pub(super) struct Growing {
    writer: ArrowWriter<File>,
    partial: PathBuf,
    folder: PathBuf,
}

/// A file that is complete, but for its name.
pub(super) struct Finished {
    partial: PathBuf,
    path: PathBuf,
}

/// A file of one type, event by event.
pub(super) struct TypeFile {
    rows: Rows,
    file: Growing,
    first: Position,
    last: Position,
}

impl TypeFile {
    pub fn begin(folder: &Path, first: &Published<'_>) -> Result<Self, ExportError> {
        let rows = Rows::of(first.r#type);
        let file = Growing::begin(folder, first.position, rows.schema())?;
        Ok(Self { rows, file, first: first.position, last: first.position })
    }

    pub fn take(&mut self, event: &Published<'_>) -> Result<(), ExportError> {
        self.rows.push(event);
        self.last = event.position;
        if self.rows.is_full() { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), ExportError> {
        self.file.write(&self.rows.take()?)
    }

    pub fn finish(mut self) -> Result<Finished, ExportError> {
        if !self.rows.is_empty() {
            self.write()?;
        }
        self.file.finish(self.first, self.last)
    }
}

impl Growing {
    pub fn begin(folder: &Path, first: Position, schema: SchemaRef) -> Result<Self, ExportError> {
        fs::create_dir_all(folder)?;
        let partial = folder.join(format!("{}.parquet.{PARTIAL}", digits(first)));
        let properties = WriterProperties::builder()
            .set_created_by(format!("daybook {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let writer = ArrowWriter::try_new(File::create(&partial)?, schema, Some(properties))?;
        Ok(Self { writer, partial, folder: folder.to_owned() })
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ExportError> {
        self.writer.write(batch)?;
        if self.writer.in_progress_size() > GROUP_BYTES {
            self.writer.flush()?;
        }
        Ok(())
    }

    pub fn finish(mut self, first: Position, last: Position) -> Result<Finished, ExportError> {
        for (name, position) in [("daybook.first_position", first), ("daybook.last_position", last)] {
            self.writer.append_key_value_metadata(KeyValue::new(name.to_owned(), position.to_string()));
        }
        self.writer.into_inner()?.sync_all()?;
        Ok(Finished { partial: self.partial, path: self.folder.join(name(first, last)) })
    }
}

impl Finished {
    pub fn publish(&self) -> Result<(), ExportError> {
        Ok(fs::rename(&self.partial, &self.path)?)
    }
}

/// All names have the same length, so that they sort as the positions do.
fn name(first: Position, last: Position) -> String {
    format!("{}-{}.parquet", digits(first), digits(last))
}

fn digits(position: Position) -> String {
    format!("{:012}", position.0)
}

/// The positions that the name of a file says.
pub(super) fn positions(path: &Path) -> Option<(Position, Position)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".parquet")?;
    let (first, last) = name.split_once('-')?;
    Some((Position(first.parse().ok()?), Position(last.parse().ok()?)))
}
