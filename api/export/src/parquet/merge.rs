//! Several files of a day become one.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use daybook_domain::Position;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::file::Growing;
use crate::error::ExportError;

/// A file, and the positions that its name says.
pub(super) type Named = (PathBuf, (Position, Position));

const BATCH_ROWS: usize = 8_192;

/// The files are in the order of their positions. Those of different releases may have different columns: they stay
/// apart. A reader between the new file's name and the old ones' end sees events twice; what a kill leaves there is
/// removed by the next run.
pub(super) fn merge(folder: &Path, files: &[Named]) -> Result<(), ExportError> {
    let ([(_, (first, _)), _, ..], Some((_, (_, last)))) = (files, files.last()) else { return Ok(()) };
    let open = |(path, _): &Named| -> Result<_, ExportError> {
        Ok(ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?)
    };
    let schema = open(&files[0])?.schema().clone();
    for file in &files[1..] {
        if open(file)?.schema().fields() != schema.fields() {
            return Ok(());
        }
    }
    let mut merged = Growing::begin(folder, *first, schema)?;
    for file in files {
        for batch in open(file)?.with_batch_size(BATCH_ROWS).build()? {
            merged.write(&batch?)?;
        }
    }
    merged.finish(*first, *last)?.publish()?;
    for (path, _) in files {
        fs::remove_file(path)?;
    }
    Ok(())
}
