//! One row as an order's line, or why it can't be one.

use daybook_domain::{
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
    /// Quantities are negative.
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
}

impl std::str::FromStr for Decimal {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "." => Ok(Self::Point),
            "," => Ok(Self::Comma),
            _ => Err("it is . or ,"),
        }
    }
}

pub fn read_line(row: &Row, direction: Direction, decimal: Decimal) -> Result<Line, NoLine> {
    let code = row.stock_code.trim();
    if is_not_goods(code) {
        return Err(NoLine::Unmapped(Unmapped::NotGoods));
    }
    // Every cell is read before any is judged, so that a mistake never passes for a row to be left out.
    let mut faults = Vec::new();
    let mut fault =
        |column, value: &str, problem: String| faults.push(Fault::new(row, column, value, problem));
    let sku =
        code.parse::<Sku>().map_err(|error| fault("StockCode", &row.stock_code, error.to_string())).ok();
    let quantity = pieces(row.quantity.trim(), direction, decimal)
        .map_err(|problem| fault("Quantity", &row.quantity, problem.into()))
        .ok();
    let price = price(row.unit_price.trim(), decimal)
        .map_err(|problem| fault("UnitPrice", &row.unit_price, problem.into()))
        .ok();
    if let Err(error) = customer(row) {
        fault("CustomerID", &row.customer_id, error.to_string());
    }
    let (Some(sku), Some(quantity), Some(price)) = (sku, quantity, price) else {
        return Err(NoLine::Unreadable(faults));
    };
    if !faults.is_empty() {
        return Err(NoLine::Unreadable(faults));
    }
    let line = quantity.ok_or(Unmapped::QuantityNotPositive).and_then(|quantity| {
        let name = tidy(&row.description).ok_or(Unmapped::NoDescription)?;
        Ok(Line { sku, quantity, unit_price_minor: price?, name })
    });
    line.map_err(NoLine::Unmapped)
}

/// The customer of an invoice: `17850.0` becomes `c17850`.
pub fn customer(row: &Row) -> Result<Option<CustomerId>, daybook_domain::text::InvalidText> {
    let number = row.customer_id.trim();
    let number = number.strip_suffix(".0").or_else(|| number.strip_suffix(",0")).unwrap_or(number);
    if number.is_empty() { Ok(None) } else { format!("c{number}").parse().map(Some) }
}

fn is_not_goods(code: &str) -> bool {
    let code = code.to_ascii_uppercase();
    NOT_GOODS.contains(&code.as_str()) || code.starts_with(VOUCHER)
}

/// Single spaces, nothing unprintable, at most [`NAME_MAX`] characters; `None` if nothing is left.
fn tidy(description: &str) -> Option<ProductName> {
    let printable: String = description.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = printable.split_whitespace().collect();
    let short: String = words.join(" ").chars().take(NAME_MAX).collect();
    short.trim_end().parse().ok()
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

/// How many pieces go in that direction; `None` if they don't. `2.0` is 2.
fn pieces(text: &str, direction: Direction, decimal: Decimal) -> Result<Option<Quantity>, &'static str> {
    let Number { is_negative, whole, decimals } = number(text, decimal)?;
    if !decimals.is_empty() {
        return Err(NOT_WHOLE);
    }
    let is_zero = whole.bytes().all(|c| c == b'0');
    if is_zero || is_negative != (direction == Direction::TakenBack) {
        return Ok(None);
    }
    let pieces = whole.parse::<i64>().ok().and_then(|pieces| Quantity::try_from(pieces).ok());
    pieces.map(Some).ok_or(TOO_MANY_PIECES)
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
        let sold = |text| pieces(text, Direction::Sold, Decimal::Point);
        let quantity = |pieces: i64| Ok(Some(Quantity::try_from(pieces).expect("in range")));
        assert_eq!(sold("2"), quantity(2));
        assert_eq!(sold("2.0"), quantity(2));
        assert_eq!(sold("+2"), quantity(2));
        assert_eq!(pieces("2,000", Direction::Sold, Decimal::Comma), quantity(2));
        assert_eq!(sold("0"), Ok(None));
        assert_eq!(sold("-3"), Ok(None));
        assert_eq!(pieces("-3.0", Direction::TakenBack, Decimal::Point), quantity(3));
        assert_eq!(sold("2.5"), Err(NOT_WHOLE));
        assert_eq!(sold("two"), Err(NOT_A_NUMBER));
        assert_eq!(sold("2,0"), Err(NOT_A_NUMBER));
        assert_eq!(sold("100001"), Err(TOO_MANY_PIECES));
        assert_eq!(sold("99999999999999999999"), Err(TOO_MANY_PIECES));
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
