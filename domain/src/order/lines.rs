//! What lines come to.

use std::collections::BTreeMap;

use super::{Line, MAX_LINES, OpenLine, Rejection};
use crate::{
    money::{Currency, Money},
    pricing::Terms,
    sku::Sku,
};

impl Line {
    /// Quantity × unit price. Nothing is rounded: both are whole numbers.
    pub fn total(&self) -> Option<Money> {
        self.unit_price.money().checked_mul(self.quantity.get())
    }
}

/// Refuses an order without lines, or with more than [`MAX_LINES`].
pub fn check_line_count(lines: usize) -> Result<(), Rejection> {
    if (1..=MAX_LINES).contains(&lines) { Ok(()) } else { Err(Rejection::LineCount) }
}

/// Refuses an order of which a line brings its own price without a word why. What is asked for from now on has to
/// keep this; orders that were placed before may be without a reason.
pub fn check_override_reason(brings_prices: bool, has_reason: bool) -> Result<(), Rejection> {
    if brings_prices && !has_reason { Err(Rejection::NoOverrideReason) } else { Ok(()) }
}

/// The sum of the lines' totals.
pub fn total(lines: &[Line], currency: Currency) -> Result<Money, Rejection> {
    if lines.iter().any(|line| line.unit_price.currency() != currency) {
        return Err(Rejection::MixedCurrencies);
    }
    lines.iter().try_fold(Money::zero(currency), |sum, line| {
        line.total().and_then(|total| sum.checked_add(total)).ok_or(Rejection::TotalOutOfRange)
    })
}

/// What is to be paid: with the taxes, if they are known.
pub fn to_pay(lines: &[Line], terms: Option<&Terms>, currency: Currency) -> Result<Money, Rejection> {
    let of_lines = total(lines, currency)?;
    Ok(terms.map_or(of_lines, |terms| Money::new(terms.total, currency)))
}

/// Pieces of each SKU, lines of the same SKU summed.
pub fn pieces_by_sku<'a>(lines: impl IntoIterator<Item = (&'a Sku, i64)>) -> BTreeMap<Sku, i64> {
    let mut pieces = BTreeMap::new();
    for (sku, quantity) in lines {
        match pieces.get_mut(sku) {
            Some(sum) => *sum += quantity,
            None => {
                pieces.insert(sku.clone(), quantity);
            }
        }
    }
    pieces
}

impl OpenLine {
    pub fn left(&self) -> i64 {
        self.ordered.get() - self.shipped - self.cancelled
    }

    /// Quantity × unit price; it was checked to fit when the order was placed.
    pub fn total(&self) -> Option<Money> {
        self.unit_price.money().checked_mul(self.ordered.get())
    }
}
