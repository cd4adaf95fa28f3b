//! The bytes of a file as UTF-8 text: out of their container, without a byte order mark. Also every reason for
//! which a file can't be read as a whole; one cell that can't be read is a fault of the plan.

use std::{fs, io, io::Read, path::Path};

use flate2::bufread::GzDecoder;

use super::delimiter::Delimiter;

/// The first two bytes of a gzip member (RFC 1952).
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
/// How ZIP files begin, and with them the workbooks of spreadsheets.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
const UTF_8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const UTF_16_MARKS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];

/// Each continues a sentence that begins with "can't read the file".
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("its gzip data is damaged or cut off ({0})")]
    Gzip(io::Error),
    #[error("something that is not gzip follows the gzip data")]
    BehindGzip,
    #[error("it is a ZIP file, as workbooks (.xlsx, .ods) are: save the sheet as CSV, as UTF-8")]
    Zip,
    #[error("it is UTF-16: save as UTF-8 (spreadsheets call that \"CSV UTF-8\")")]
    Utf16,
    #[error("line {line}, column {column}: the byte {byte:02X} is not UTF-8: save as UTF-8")]
    NotUtf8 { line: usize, column: String, byte: u8 },
    #[error("it is empty")]
    Empty,
    #[error("it is a page (HTML or XML), not CSV: was it saved from a browser, behind a login?")]
    Markup,
    #[error("this file is separated by {0}: pass --delimiter {0}")]
    Separated(Delimiter),
    #[error("its header has no {missing}; the columns are {needed}")]
    Missing { missing: String, needed: String },
    #[error("its header has the column {0} more than once")]
    Twice(&'static str),
    #[error("it has a header and no rows")]
    NoRows,
    #[error(
        "line {line} has {cells} cells, and the header has {columns}: a cell that contains {delimiter} needs quotes"
    )]
    Surplus { line: usize, cells: usize, columns: usize, delimiter: Delimiter },
    #[error("the quotation mark in the row that begins in line {line} is never closed")]
    OpenQuote { line: usize },
    #[error(transparent)]
    Csv(csv::Error),
}

/// The text of a file, plain or gzip.
pub fn text(path: &Path) -> Result<Vec<u8>, FileError> {
    let text = unpacked(fs::read(path)?)?;
    if text.starts_with(ZIP_MAGIC) {
        return Err(FileError::Zip);
    }
    // Without a mark, UTF-16 has zero bytes, which no text of ours has.
    if UTF_16_MARKS.iter().any(|mark| text.starts_with(mark)) || text.iter().take(100).any(|byte| *byte == 0)
    {
        return Err(FileError::Utf16);
    }
    Ok(match text.strip_prefix(UTF_8_MARK) {
        Some(unmarked) => unmarked.to_vec(),
        None => text,
    })
}

/// Every member of a gzip file, as gzip reads it: zeros behind the last one, which tapes and disks leave, mean nothing.
fn unpacked(bytes: Vec<u8>) -> Result<Vec<u8>, FileError> {
    if !bytes.starts_with(GZIP_MAGIC) {
        return Ok(bytes);
    }
    let mut text = Vec::new();
    let mut rest = bytes.as_slice();
    while rest.starts_with(GZIP_MAGIC) {
        GzDecoder::new(&mut rest).read_to_end(&mut text).map_err(FileError::Gzip)?;
    }
    if rest.iter().all(|byte| *byte == 0) { Ok(text) } else { Err(FileError::BehindGzip) }
}
