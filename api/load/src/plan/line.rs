//! One row as an order's line, or why it can't be one.

use std::{fmt::Display, str::FromStr};

use daybook_domain::{
    incoming::Incoming,
    money::MAX_PRICE_MINOR,
    quantity::Quantity,
    sku::Sku,
    text::{CustomerId, ProductName},
};

use super::{
    super::rows::Row,
    fault::Fault,
    goods::{Line, Unmapped},
};

/// Codes that stand for something else than goods, in capitals: carriage, discounts, corrections by
/// hand, samples, fees, donations, bad debts.
const NOT_GOODS: &[&str] =
    &["AMAZONFEE", "B", "BANK CHARGES", "C2", "CRUK", "D", "DOT", "M", "POST", "S", "TEST001", "TEST002"];
/// How the codes of gift vouchers begin, in capitals.
const VOUCHER: &str = "GIFT_";
const NAME_MAX: usize = 200;

const NOT_A_NUMBER: &str = "is not a number";
const NOT_WHOLE: &str = "is not a whole number of pieces";
const TOO_MANY_PIECES: &str = "is more than the 100000 pieces that a line can have";
const TOO_DEAR: &str = "is more than a piece can cost";
const NOT_WHOLE_PENCE: &str = "is not in whole pence";
const IS_SPREADSHEET_ERROR: &str = "is what a spreadsheet shows when it has no value";
const IS_SHORTENED: &str = "is a number that a spreadsheet has shortened";

/// The character between a number's whole part and its decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decimal {
    #[default]
    Point,
    Comma,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Sold,
    /// The quantity is negative.
    TakenBack,
}

/// Why a row is no line of an order.
#[derive(Debug, PartialEq)]
pub enum NoLine {
    /// It is not meant for a shop's catalogue.
    Unmapped(Unmapped),
    /// It is, and these cells can't be read.
    Unreadable(Vec<Fault>),
}

impl Decimal {
    fn as_char(self) -> char {
        match self {
            Self::Point => '.',
            Self::Comma => ',',
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Point => Self::Comma,
            Self::Comma => Self::Point,
        }
    }
}

impl FromStr for Decimal {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "." => Ok(Self::Point),
            "," => Ok(Self::Comma),
            _ => Err("it is . or ,"),
        }
    }
}

/// The line, and which way its goods go.
pub fn read_line(row: &Row, decimal: Decimal) -> Result<(Direction, Line), NoLine> {
    let code = row.stock_code.trim();
    if is_not_goods(code) {
        return Err(NoLine::Unmapped(Unmapped::NotGoods));
    }
    // Every cell is read before any is judged, so that a mistake never passes for a row to be left out.
    let mut faults = leftovers(row);
    let mut fault = |column, value: &str, problem: String| {
        if !faults.iter().any(|fault| fault.column == column) {
            faults.push(Fault::new(row, column, value, problem));
        }
    };
    let sku = taken::<Sku>(code).map_err(|problem| fault("StockCode", &row.stock_code, problem)).ok();
    let explained = |problem: &str, text| explain(problem, text, decimal);
    let quantity = row.quantity.trim();
    let quantity = pieces(quantity, decimal)
        .map_err(|problem| fault("Quantity", &row.quantity, explained(problem, quantity)))
        .ok();
    let price_text = row.unit_price.trim();
    let price = price(price_text, decimal)
        .map_err(|problem| fault("UnitPrice", &row.unit_price, explained(problem, price_text)))
        .ok();
    if let Err(problem) = customer(row) {
        fault("CustomerID", &row.customer_id, problem);
    }
    let (Some(sku), Some(quantity), Some(price), []) = (sku, quantity, price, faults.as_slice()) else {
        return Err(NoLine::Unreadable(faults));
    };
    let priced = tidy(&row.description).ok_or(Unmapped::NoDescription).and_then(|name| Ok((name, price?)));
    match (quantity, priced) {
        (Some((direction, quantity)), Ok((name, unit_price_minor))) => {
            Ok((direction, Line { sku, quantity, unit_price_minor, name }))
        }
        (Some((Direction::Sold, _)), Err(reason)) => Err(NoLine::Unmapped(reason)),
        (None | Some((Direction::TakenBack, _)), _) => Err(NoLine::Unmapped(Unmapped::QuantityNotPositive)),
    }
}

/// What spreadsheets leave in cells in place of what was there.
fn leftovers(row: &Row) -> Vec<Fault> {
    let cells = row.cells().into_iter().filter_map(|(column, cell)| {
        let is_id = matches!(column, "InvoiceNo" | "StockCode" | "CustomerID");
        let problem = match cell.trim() {
            text if is_spreadsheet_error(text) => IS_SPREADSHEET_ERROR,
            text if is_id && is_shortened(text) => IS_SHORTENED,
            _ => return None,
        };
        Some(Fault::new(row, column, cell, problem.into()))
    });
    cells.collect()
}

/// `#REF!`, `#N/A`, `#NAME?` and the like in any language, `####` for what didn't fit, `Err:502`.
fn is_spreadsheet_error(text: &str) -> bool {
    let is_code = |code: &str| !code.is_empty() && code.bytes().all(|c| c.is_ascii_digit());
    match text.strip_prefix('#') {
        Some(word) => {
            word.ends_with(['!', '?'])
                || matches!(word, "N/A" | "NV" | "N/D")
                || (!word.is_empty() && word.bytes().all(|c| c == b'#'))
        }
        None => text.strip_prefix("Err:").is_some_and(is_code),
    }
}

/// A long number as spreadsheets show it, such as `1.2E+05`: its last digits are lost.
fn is_shortened(text: &str) -> bool {
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b','));
    text.split_once("E+").is_some_and(|(digits, power)| is_number(digits) && is_number(power))
}

/// What is wrong with a number, and what would help.
fn explain(problem: &str, text: &str, decimal: Decimal) -> String {
    let other = decimal.other();
    match number(text, other) {
        Ok(_) if problem == NOT_A_NUMBER => format!("{problem} (with --decimal {} it is)", other.as_char()),
        _ => problem.to_owned(),
    }
}

/// `17850.0` is the number 17850; empty for a guest.
pub fn customer_number(row: &Row) -> &str {
    let number = row.customer_id.trim();
    number.strip_suffix(".0").or_else(|| number.strip_suffix(",0")).unwrap_or(number)
}

/// The customer of an invoice: `17850.0` becomes `c17850`.
pub fn customer(row: &Row) -> Result<Option<CustomerId>, String> {
    let number = customer_number(row);
    if number.is_empty() { Ok(None) } else { taken(&format!("c{number}")).map(Some) }
}

/// The text as a value that the server takes, or why it doesn't.
pub fn taken<T: FromStr<Err: Display> + Incoming>(text: &str) -> Result<T, String> {
    let value: T = text.parse().map_err(|error: T::Err| error.to_string())?;
    value.take().map_err(|unfit| unfit.to_string())
}

fn is_not_goods(code: &str) -> bool {
    let code = code.to_ascii_uppercase();
    NOT_GOODS.contains(&code.as_str()) || code.starts_with(VOUCHER)
}

/// `None` if nothing is left.
fn tidy(description: &str) -> Option<ProductName> {
    taken(&one_line(description)).ok()
}

/// Single spaces, nothing unprintable, at most [`NAME_MAX`] characters.
pub fn one_line(text: &str) -> String {
    let printable: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = printable.split_whitespace().collect();
    let short: String = words.join(" ").chars().take(NAME_MAX).collect();
    short.trim_end().to_owned()
}

/// A number as spreadsheets write it, still as text: `-12.50` has the whole part `12` and the decimals `5`.
struct Number<'a> {
    is_negative: bool,
    whole: &'a str,
    /// The decimals, without zeros at the end.
    decimals: &'a str,
}

fn number(text: &str, decimal: Decimal) -> Result<Number<'_>, &'static str> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, decimals) = digits.split_once(decimal.as_char()).unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(decimals) {
        return Err(NOT_A_NUMBER);
    }
    Ok(Number { is_negative, whole, decimals: decimals.trim_end_matches('0') })
}

/// How many pieces go which way; `None` if there are none. `2.0` is 2.
fn pieces(text: &str, decimal: Decimal) -> Result<Option<(Direction, Quantity)>, &'static str> {
    let Number { is_negative, whole, decimals } = number(text, decimal)?;
    if !decimals.is_empty() {
        return Err(NOT_WHOLE);
    }
    if whole.bytes().all(|c| c == b'0') {
        return Ok(None);
    }
    let direction = if is_negative { Direction::TakenBack } else { Direction::Sold };
    let pieces = whole.parse::<i64>().ok().and_then(|pieces| Quantity::try_from(pieces).ok());
    pieces.map(|pieces| Some((direction, pieces))).ok_or(TOO_MANY_PIECES)
}

/// `2.5` is 250 pence. More than two decimals are fine as long as they are zeros. The inner error is for
/// prices at which nothing is sold.
fn price(text: &str, decimal: Decimal) -> Result<Result<i64, Unmapped>, &'static str> {
    let Number { is_negative, whole, decimals } = number(text, decimal)?;
    let whole = whole.trim_start_matches('0');
    if whole.is_empty() && decimals.is_empty() {
        return Ok(Err(Unmapped::ZeroPrice));
    }
    if is_negative {
        return Ok(Err(Unmapped::NegativePrice));
    }
    match decimals.len() {
        0..=2 => {}
        _ if whole.is_empty() && decimals.starts_with("00") => return Ok(Err(Unmapped::FractionOfAPenny)),
        _ => return Err(NOT_WHOLE_PENCE),
    }
    let pence: i64 = format!("{whole}{decimals:0<2}").parse().map_err(|_| TOO_DEAR)?;
    if pence > MAX_PRICE_MINOR { Err(TOO_DEAR) } else { Ok(Ok(pence)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_without_floats() {
        let pence = |text| price(text, Decimal::Point);
        for (text, expected) in [("2.55", 255), ("18.0", 1800), ("7", 700), ("0.100", 10), ("007.50", 750)] {
            assert_eq!(pence(text), Ok(Ok(expected)), "{text}");
        }
        for (text, reason) in [
            ("0.0", Unmapped::ZeroPrice),
            ("0.001", Unmapped::FractionOfAPenny),
            ("-11062.06", Unmapped::NegativePrice),
        ] {
            assert_eq!(pence(text), Ok(Err(reason)), "{text}");
        }
        for bad in ["", ".5", "1e3", "NaN", "1,5", "1,234.50", "--1", "£2"] {
            assert_eq!(pence(bad), Err(NOT_A_NUMBER), "{bad}");
        }
        assert_eq!(pence("2.555"), Err(NOT_WHOLE_PENCE));
        assert_eq!(pence("0.015"), Err(NOT_WHOLE_PENCE));
        assert_eq!(pence("99999999999999999999"), Err(TOO_DEAR));
    }

    #[test]
    fn a_decimal_comma_is_read_where_it_is_expected_and_a_point_is_not() {
        assert_eq!(price("2,55", Decimal::Comma), Ok(Ok(255)));
        assert_eq!(price("2.55", Decimal::Comma), Err(NOT_A_NUMBER));
        assert_eq!(price("1.234,50", Decimal::Comma), Err(NOT_A_NUMBER));
    }

    #[test]
    fn a_quantity_is_whole_and_may_have_decimals_that_are_zeros() {
        let pieces = |text| pieces(text, Decimal::Point);
        let quantity = |pieces: i64| Quantity::try_from(pieces).expect("in range");
        let two = Ok(Some((Direction::Sold, quantity(2))));
        assert_eq!(pieces("2"), two);
        assert_eq!(pieces("2.0"), two);
        assert_eq!(pieces("+2"), two);
        assert_eq!(super::pieces("2,000", Decimal::Comma), two);
        assert_eq!(pieces("0"), Ok(None));
        assert_eq!(pieces("-0.0"), Ok(None));
        assert_eq!(pieces("-3.0"), Ok(Some((Direction::TakenBack, quantity(3)))));
        assert_eq!(pieces("2.5"), Err(NOT_WHOLE));
        assert_eq!(pieces("two"), Err(NOT_A_NUMBER));
        assert_eq!(pieces("2,0"), Err(NOT_A_NUMBER));
        assert_eq!(pieces("100001"), Err(TOO_MANY_PIECES));
        assert_eq!(pieces("99999999999999999999"), Err(TOO_MANY_PIECES));
    }

    #[test]
    fn what_a_spreadsheet_leaves_in_place_of_a_value_is_known() {
        for error in ["#REF!", "#N/A", "#NAME?", "#DIV/0!", "#BEZUG!", "#NV", "######", "Err:502"] {
            assert!(is_spreadsheet_error(error), "{error}");
        }
        for text in ["", "#", "#1 MUG", "N/A", "MUG!", "Err:", "#9"] {
            assert!(!is_spreadsheet_error(text), "{text}");
        }
        for number in ["1.2E+05", "5E+12", "1,785E+04"] {
            assert!(is_shortened(number), "{number}");
        }
        for code in ["", "E+", "12E05", "1E-05", "ME+1", "85123A"] {
            assert!(!is_shortened(code), "{code}");
        }
    }

    #[test]
    fn codes_that_are_not_goods_are_known_in_any_case() {
        for code in ["POST", "m", "M", "gift_0001_40", "BANK CHARGES"] {
            assert!(is_not_goods(code), "{code}");
        }
        for code in ["85123A", "85123a", "DCGS0076", "10002"] {
            assert!(!is_not_goods(code), "{code}");
        }
    }

    #[test]
    fn a_description_is_tidied() {
        let name = tidy("  RED\u{a0}MUG\t\u{0} LARGE ").expect("something is left");
        assert_eq!(name.as_str(), "RED MUG LARGE");
        assert!(tidy(" \t").is_none());
        assert_eq!(tidy(&"é ".repeat(300)).expect("cut").as_str().chars().count(), 199);
    }
}
