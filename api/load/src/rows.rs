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
    /// The line of the (unpacked) file at which the row begins, from 1 on.
    #[serde(skip)]
    pub line: usize,
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
    let mut text = Vec::new();
    unpacked(File::open(path)?)?.read_to_end(&mut text)?;
    parse(&text)
}

pub fn parse(text: &[u8]) -> Result<Vec<Row>, csv::Error> {
    let mut reader = csv::Reader::from_reader(text);
    let headers = reader.headers()?.clone();
    let mut lines = Lines { text, place: 0, line: 1 };
    let mut rows = Vec::new();
    for record in reader.into_records() {
        let record = record?;
        let mut row: Row = record.deserialize(Some(&headers))?;
        let start = record.position().map_or(0, |position| position.byte());
        row.line = lines.at(usize::try_from(start).unwrap_or(usize::MAX));
        rows.push(row);
    }
    Ok(rows)
}

/// Counts the lines of the file as an editor does. The CSV reader's own count is one short where lines end
/// with CR LF, and takes no notice of empty lines in front of a row.
struct Lines<'a> {
    text: &'a [u8],
    place: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line of the row that the reader says begins at `start`, which never goes back.
    fn at(&mut self, start: usize) -> usize {
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let rest = self.text.get(start..).unwrap_or_default();
        let begins = start + rest.iter().take_while(|byte| is_line_end(byte)).count();
        let passed = self.text.get(self.place..begins).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.place = begins;
        self.line
    }
}

fn unpacked(mut file: File) -> io::Result<Box<dyn Read>> {
    let mut start = Vec::new();
    file.by_ref().take(2).read_to_end(&mut start)?;
    let is_gzip = start == GZIP_MAGIC;
    let whole = io::Cursor::new(start).chain(BufReader::new(file));
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_knows_its_line_however_lines_end() {
        let header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country";
        let row = |description: &str| format!("1,2,{description},3,4,5,6,7");
        for end in ["\n", "\r\n"] {
            let two_lines = row(&format!("\"a{end}b\""));
            let text = [header, &row("x"), "", "", &two_lines, &row("y"), ""].join(end);
            let lines: Vec<usize> = parse(text.as_bytes()).expect("CSV").iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 5, 7], "{end:?}");
        }
    }
}
