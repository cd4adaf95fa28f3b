//! The file as it is: rows of text, plain or gzip.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;

/// The first two bytes of a gzip file (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// One line of an invoice, in the layout of the UCI data set "Online Retail".
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    pub invoice_no: String,
    pub stock_code: String,
    pub description: String,
    pub quantity: String,
    pub invoice_date: String,
    pub unit_price: String,
    #[serde(rename = "CustomerID")]
    pub customer_id: String,
    pub country: String,
}

/// All rows, in the file's order. What is not a CSV file with these columns is an error, with its line.
pub fn read(path: &Path) -> Result<Vec<Row>, csv::Error> {
    parse(unpacked(File::open(path)?)?)
}

pub fn parse(csv: impl Read) -> Result<Vec<Row>, csv::Error> {
    csv::Reader::from_reader(csv).into_deserialize().collect()
}

fn unpacked(mut file: File) -> io::Result<Box<dyn Read>> {
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start)?;
    let is_gzip = start == GZIP_MAGIC;
    let whole = io::Cursor::new(start).chain(BufReader::new(file));
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}
