//! What an order was said to come to, and what a client may hold a shop to: that it doesn't come to more.

use std::{fmt, str::FromStr};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    codes,
    money::{Currency, Money},
    rejection_codes,
};

/// How long a quote counts.
pub const QUOTE_LIFETIME: TimeDelta = TimeDelta::minutes(15);

/// Identifies what was asked: the same lines, currency, place and buyer have the same.
pub type Asked = [u8; 16];

/// An answer that a client can bring along. Its text is not signed, because it gives nothing away: an order is priced anew
/// in any case, and a quote can only have it refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    pub asked: Asked,
    /// In minor units.
    pub total: i64,
    /// The last second.
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a quote")]
pub struct NotAQuote;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteRefused {
    #[error("the order comes to {}, and was quoted at {}", Money::new(*.now, *.currency), Money::new(*.quoted, *.currency))]
    Changed { now: i64, quoted: i64, currency: Currency },
    #[error("the quote has expired, or is one of another order")]
    Invalid,
}

codes! {
    "codes",
    /// Why a quote has an order refused.
    pub enum QuoteCode {
        Changed = Conflict, "quote_changed", "Quote changed";
        Invalid = Invalid, "quote_invalid", "Quote invalid";
    }
}

rejection_codes! {
    QuoteRefused {
        Changed => QuoteCode::Changed,
        Invalid => QuoteCode::Invalid,
    }
}

impl Quote {
    /// The total that it holds an order to that asks for this, if it does.
    pub fn holds(&self, asked: Asked, now: DateTime<Utc>) -> Option<i64> {
        (self.asked == asked && now <= self.expires_at).then_some(self.total)
    }
}

/// Refuses a total that is higher than what was quoted.
pub fn check_quoted(now: i64, quoted: i64, currency: Currency) -> Result<(), QuoteRefused> {
    if now > quoted { Err(QuoteRefused::Changed { now, quoted, currency }) } else { Ok(()) }
}

/// 64 hexadecimal digits.
impl fmt::Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, total, expires_at } = self;
        write!(f, "{:032x}{total:016x}{:016x}", u128::from_be_bytes(*asked), expires_at.timestamp())
    }
}

impl FromStr for Quote {
    type Err = NotAQuote;

    /// Takes only the form that is printed.
    fn from_str(text: &str) -> Result<Self, NotAQuote> {
        let part = |from: usize, to: usize| text.get(from..to).ok_or(NotAQuote);
        let number = |text| i64::from_str_radix(text, 16).map_err(|_| NotAQuote);
        let asked = u128::from_str_radix(part(0, 32)?, 16).map_err(|_| NotAQuote)?;
        let expires_at = DateTime::from_timestamp(number(part(48, 64)?)?, 0).ok_or(NotAQuote)?;
        let quote = Self { asked: asked.to_be_bytes(), total: number(part(32, 48)?)?, expires_at };
        if quote.to_string() == text { Ok(quote) } else { Err(NotAQuote) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn time(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).expect("a time")
    }

    proptest! {
        #[test]
        fn a_quote_is_read_as_it_was_written(asked: [u8; 16], total in 0..=i64::MAX, seconds in 0..=10_000_000_000_i64) {
            let quote = Quote { asked, total, expires_at: time(seconds) };
            let text = quote.to_string();
            prop_assert_eq!(text.len(), 64);
            prop_assert_eq!(text.parse::<Quote>(), Ok(quote));
            prop_assert_eq!(text[1..].parse::<Quote>(), Err(NotAQuote));
            prop_assert_eq!(format!("{text}0").parse::<Quote>(), Err(NotAQuote));
        }

        #[test]
        fn other_texts_are_none(text in ".{0,70}") {
            prop_assert!(text.parse::<Quote>().is_err() || text.len() == 64);
        }
    }

    #[test]
    fn a_quote_holds_until_its_last_second_for_what_was_asked() {
        let quote = Quote { asked: [7; 16], total: 100, expires_at: time(900) };
        assert_eq!(quote.holds([7; 16], time(900)), Some(100));
        assert_eq!(quote.holds([7; 16], time(901)), None);
        assert_eq!(quote.holds([8; 16], time(0)), None);
    }

    #[test]
    fn an_order_may_come_to_less_and_not_to_more() {
        assert_eq!(check_quoted(99, 100, Currency::EUR), Ok(()));
        assert_eq!(check_quoted(100, 100, Currency::EUR), Ok(()));
        let refused = check_quoted(101, 100, Currency::EUR).expect_err("it is more");
        assert_eq!(refused.to_string(), "the order comes to 1.01 EUR, and was quoted at 1.00 EUR");
    }
}
