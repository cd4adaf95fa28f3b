//! The file as it is: rows of text.

use std::{array, path::Path};

use csv::StringRecord;

use super::{
    delimiter::Delimiter,
    file::{self, FileError},
};

/// The columns that a file must have, in any order and among any others.
const COLUMNS: [&str; 8] = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
];

/// One line of an invoice, in the layout of the UCI data set "Online Retail". A cell that a row is too short for
/// is empty: spreadsheets leave out empty cells at the end.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line of the (unpacked) file at which the row begins, from 1 on.
    pub line: usize,
    pub invoice_no: String,
    pub stock_code: String,
    pub description: String,
    pub quantity: String,
    pub invoice_date: String,
    pub unit_price: String,
    pub customer_id: String,
    pub country: String,
}

impl Row {
    fn new(line: usize, cells: [&str; COLUMNS.len()]) -> Self {
        let [invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id, country] =
            cells.map(str::to_owned);
        Self {
            line,
            invoice_no,
            stock_code,
            description,
            quantity,
            invoice_date,
            unit_price,
            customer_id,
            country,
        }
    }

    /// Every cell with the name of its column.
    pub fn cells(&self) -> [(&'static str, &str); COLUMNS.len()] {
        let cells = [
            &self.invoice_no,
            &self.stock_code,
            &self.description,
            &self.quantity,
            &self.invoice_date,
            &self.unit_price,
            &self.customer_id,
            &self.country,
        ];
        array::from_fn(|place| (COLUMNS[place], cells[place].as_str()))
    }
}

/// All rows, in the file's order. If no delimiter is given, it is the one that the file names, or a comma.
pub fn read(path: &Path, delimiter: Option<Delimiter>) -> Result<Vec<Row>, FileError> {
    parse(&file::text(path)?, delimiter)
}

pub fn parse(text: &[u8], delimiter: Option<Delimiter>) -> Result<Vec<Row>, FileError> {
    let (named, text, first_line) = match named_delimiter(text) {
        Some((named, rest)) => (Some(named), rest, 2),
        None => (None, text, 1),
    };
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err(FileError::Empty),
        Some(b'<') => return Err(FileError::Markup),
        Some(_) => {}
    }
    let delimiter = delimiter.or(named).unwrap_or_default();
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter.as_byte()).flexible(true).from_reader(text);
    let mut lines = Lines { text, place: 0, line: first_line };
    let header = reader.headers().map_err(|error| lines.explain(error, &StringRecord::new()))?.clone();
    let places = places(&header, text, delimiter)?;
    let mut rows = Vec::new();
    for record in reader.into_records() {
        let record = record.map_err(|error| lines.explain(error, &header))?;
        if record.iter().all(is_blank) {
            continue;
        }
        let line = lines.at(&record);
        let cells = record.len() - record.iter().rev().take_while(|cell| is_blank(cell)).count();
        if cells > header.len() {
            return Err(FileError::Surplus { line, cells, columns: header.len(), delimiter });
        }
        let is_cut = record.len() < header.len() && record.iter().next_back().is_some_and(has_lines);
        if is_cut && lines.has_open_quote() {
            return Err(FileError::OpenQuote { line });
        }
        rows.push(Row::new(line, places.map(|place| record.get(place).unwrap_or_default())));
    }
    if rows.is_empty() { Err(FileError::NoRows) } else { Ok(rows) }
}

fn has_lines(cell: &str) -> bool {
    cell.contains('\n')
}

fn is_blank(cell: &str) -> bool {
    cell.trim().is_empty()
}

/// The delimiter that a first line such as `sep=;` names, and what follows that line. Spreadsheets write and read it.
fn named_delimiter(text: &[u8]) -> Option<(Delimiter, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let first = std::str::from_utf8(&text[..end]).ok()?.trim_end_matches('\r').trim_matches('"');
    let delimiter = first.strip_prefix("sep=").or_else(|| first.strip_prefix("SEP="))?.parse().ok()?;
    Some((delimiter, text.get(end + 1..).unwrap_or_default()))
}

/// Where each of [`COLUMNS`] is.
fn places(
    header: &StringRecord,
    text: &[u8],
    delimiter: Delimiter,
) -> Result<[usize; COLUMNS.len()], FileError> {
    let is = |name: &str, cell: &str| cell.trim() == name;
    let times = |name: &str| header.iter().filter(|cell| is(name, cell)).count();
    if let Some(twice) = COLUMNS.into_iter().find(|name| times(name) > 1) {
        return Err(FileError::Twice(twice));
    }
    let places = COLUMNS.map(|name| header.iter().position(|cell| is(name, cell)));
    let missing: Vec<&str> =
        COLUMNS.into_iter().zip(places).filter(|(_, place)| place.is_none()).map(|(name, _)| name).collect();
    if missing.is_empty() {
        return Ok(places.map(|place| place.expect("none is missing")));
    }
    let others = Delimiter::ALL.into_iter().filter(|other| *other != delimiter);
    match others.into_iter().find(|other| separates(*other, text)) {
        Some(other) => Err(FileError::Separated(other)),
        None => Err(FileError::Missing { missing: missing.join(", "), needed: COLUMNS.join(", ") }),
    }
}

/// Whether the first line has every column with this delimiter.
fn separates(delimiter: Delimiter, text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let cells: Vec<String> = first
        .split(|byte| *byte == delimiter.as_byte())
        .map(|cell| String::from_utf8_lossy(cell).trim().trim_matches('"').to_owned())
        .collect();
    COLUMNS.iter().all(|name| cells.iter().any(|cell| cell == name))
}

/// Counts the lines of the file as an editor does. The CSV reader's own count is one short where lines end
/// with CR LF, and takes no notice of empty lines in front of a row.
struct Lines<'a> {
    text: &'a [u8],
    place: usize,
    line: usize,
}

impl Lines<'_> {
    /// The line at which a record begins. Records are asked for in their order.
    fn at(&mut self, record: &StringRecord) -> usize {
        self.at_position(record.position())
    }

    fn at_position(&mut self, position: Option<&csv::Position>) -> usize {
        let start = position.map_or(0, csv::Position::byte);
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let rest = self.text.get(start..).unwrap_or_default();
        let begins = start + rest.iter().take_while(|byte| is_line_end(byte)).count();
        self.pass(begins);
        self.line
    }

    fn pass(&mut self, to: usize) {
        let passed = self.text.get(self.place..to).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.place = to;
    }

    /// Whether the file ends within quotes that are opened in the row that was asked for last: the rest of the file
    /// would be one cell.
    fn has_open_quote(&self) -> bool {
        let rest = self.text.get(self.place..).unwrap_or_default();
        rest.iter().filter(|byte| **byte == b'"').count() % 2 == 1
    }

    /// Where the first byte is that is not UTF-8, with its own line: a row may have several.
    fn explain(&mut self, error: csv::Error, header: &StringRecord) -> FileError {
        let csv::ErrorKind::Utf8 { pos, err } = error.kind() else { return FileError::Csv(error) };
        self.at_position(pos.as_ref());
        let rest = self.text.get(self.place..).unwrap_or_default();
        let valid = std::str::from_utf8(rest).map_or_else(|error| error.valid_up_to(), str::len);
        self.pass(self.place + valid);
        let column = header.get(err.field()).map_or_else(|| (err.field() + 1).to_string(), str::to_owned);
        FileError::NotUtf8 { line: self.line, column, byte: rest.get(valid).copied().unwrap_or_default() }
    }
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
            let lines: Vec<usize> =
                parse(text.as_bytes(), None).expect("CSV").iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 5, 7], "{end:?}");
        }
    }
}
