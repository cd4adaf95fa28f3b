//! What can't be read in the file, or only in part, and where it is.

use super::super::rows::Row;

/// A cell that doesn't hold what its column says, or more than an order can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}: {value:?} {problem}; invoice {invoice} is left out")]
pub struct Fault {
    pub line: usize,
    pub column: &'static str,
    /// The value as it is in the file.
    pub value: String,
    /// Continues a sentence that begins with the value.
    problem: String,
    invoice: String,
}

impl Fault {
    pub fn new(row: &Row, column: &'static str, value: &str, problem: String) -> Self {
        let (value, invoice) = (value.to_owned(), row.invoice_no.clone());
        Self { line: row.line, column, value, problem, invoice }
    }
}

/// What an order can't hold of its invoice, which is loaded all the same.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("warning: line {line}, column {column}: {value:?} {problem}")]
pub struct Warning {
    pub line: usize,
    pub column: &'static str,
    /// The value as it is in the file.
    pub value: String,
    /// Continues a sentence that begins with the value.
    pub problem: String,
}
