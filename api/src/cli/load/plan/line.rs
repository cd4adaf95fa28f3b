//! One row as an order's line, or why it can't be one.

use daybook_domain::{money::MAX_PRICE_MINOR, quantity::Quantity, sku::Sku, text::ProductName};

use super::{
    super::rows::Row,
    goods::{Line, Unmapped},
};

/// Codes that stand for something else than goods, in capitals: carriage, discounts, corrections by
/// hand, samples, fees, donations, bad debts.
const NOT_GOODS: &[&str] =
    &["AMAZONFEE", "B", "BANK CHARGES", "C2", "CRUK", "D", "DOT", "M", "POST", "S", "TEST001", "TEST002"];
/// How the codes of gift vouchers begin, in capitals.
const VOUCHER: &str = "GIFT_";
const NAME_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Sold,
    /// Quantities are negative.
    TakenBack,
}

pub fn read_line(row: &Row, direction: Direction) -> Result<Line, Unmapped> {
    let code = row.stock_code.trim();
    if is_not_goods(code) {
        return Err(Unmapped::NotGoods);
    }
    let quantity: i64 = row.quantity.trim().parse().map_err(|_| Unmapped::Unreadable)?;
    let quantity = match direction {
        Direction::Sold => quantity,
        Direction::TakenBack => quantity.checked_neg().ok_or(Unmapped::Unreadable)?,
    };
    if quantity <= 0 {
        return Err(Unmapped::QuantityNotPositive);
    }
    let name = tidy(&row.description).ok_or(Unmapped::NoDescription)?;
    let unit_price_minor = pence(row.unit_price.trim())?;
    if unit_price_minor == 0 {
        return Err(Unmapped::ZeroPrice);
    }
    if unit_price_minor > MAX_PRICE_MINOR {
        return Err(Unmapped::OutOfRange);
    }
    Ok(Line {
        sku: code.parse::<Sku>().map_err(|_| Unmapped::Unreadable)?,
        quantity: Quantity::try_from(quantity).map_err(|_| Unmapped::OutOfRange)?,
        unit_price_minor,
        name,
    })
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

/// `2.5` is 250 pence. More than two decimals are fine as long as they are zeros.
fn pence(price: &str) -> Result<i64, Unmapped> {
    let (is_negative, digits) = match price.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, price),
    };
    let (pounds, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if pounds.is_empty() || !is_number(pounds) || !is_number(decimals) {
        return Err(Unmapped::Unreadable);
    }
    let decimals = decimals.trim_end_matches('0');
    if decimals.len() > 2 {
        return Err(Unmapped::FractionOfAPenny);
    }
    let pence: i64 = format!("{pounds}{decimals:0<2}").parse().map_err(|_| Unmapped::OutOfRange)?;
    if is_negative && pence > 0 { Err(Unmapped::NegativePrice) } else { Ok(pence) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_without_floats() {
        for (text, expected) in [("2.55", 255), ("18.0", 1800), ("7", 700), ("0.100", 10), ("0.0", 0)] {
            assert_eq!(pence(text), Ok(expected), "{text}");
        }
        assert_eq!(pence("0.001"), Err(Unmapped::FractionOfAPenny));
        assert_eq!(pence("-11062.06"), Err(Unmapped::NegativePrice));
        assert_eq!(pence("99999999999999999999"), Err(Unmapped::OutOfRange));
        for bad in ["", ".5", "1e3", "NaN", "1,5", "--1", "£2"] {
            assert_eq!(pence(bad), Err(Unmapped::Unreadable), "{bad}");
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
