//! Amounts of money: integer minor units of an ISO 4217 currency, never a float.

mod rate;
mod share;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::incoming::{Incoming, Unfit};

pub use iso_currency::Currency;
pub use rate::{InvalidRate, Rate, round_half_up};
pub use share::share;

/// The largest amount that a price may have, in minor units.
pub const MAX_PRICE_MINOR: i64 = 1_000_000_000_000;

/// An amount in a currency's minor units (cents; yen have none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub amount: i64,
    pub currency: Currency,
}

impl Money {
    pub const fn new(amount: i64, currency: Currency) -> Self {
        Self { amount, currency }
    }

    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The sum, or `None` on overflow or when the currencies differ.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        self.amount.checked_add(other.amount).map(|amount| Self { amount, ..self })
    }

    /// The product, or `None` on overflow.
    pub fn checked_mul(self, factor: i64) -> Option<Self> {
        self.amount.checked_mul(factor).map(|amount| Self { amount, ..self })
    }
}

/// Major units with the currency's own number of decimals: `19.99 EUR`, `1999 JPY`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = usize::from(self.currency.exponent().unwrap_or(0));
        let sign = if self.amount < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.amount.unsigned_abs(), width = decimals + 1);
        let (major, minor) = digits.split_at(digits.len() - decimals);
        let dot = if decimals == 0 { "" } else { "." };
        write!(f, "{sign}{major}{dot}{minor} {}", self.currency.code())
    }
}

/// Money that a thing may cost: 0 to [`MAX_PRICE_MINOR`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Money", into = "Money")]
pub struct Price(Money);

impl Price {
    pub fn money(self) -> Money {
        self.0
    }

    pub fn amount(self) -> i64 {
        self.0.amount
    }

    pub fn currency(self) -> Currency {
        self.0.currency
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a price is 0 to {MAX_PRICE_MINOR} minor units")]
pub struct PriceOutOfRange;

/// Money is made in a currency: that is none of metals, funds, units of account or tests, and none that is no longer
/// money anywhere.
impl Incoming for Currency {
    fn take(self) -> Result<Self, Unfit> {
        // The bolívar of 2018 lost zeros and got a second code, but the first one is the one that is used.
        let is_money = self.flags().is_empty() || self == Self::VES;
        if is_money && self.exponent().is_some() {
            Ok(self)
        } else {
            Err(Unfit("not a currency of ISO 4217 that money is made in, such as EUR"))
        }
    }
}

impl Incoming for Price {
    fn take(self) -> Result<Self, Unfit> {
        self.currency().take().map(|_| self)
    }
}

impl TryFrom<Money> for Price {
    type Error = PriceOutOfRange;

    fn try_from(money: Money) -> Result<Self, Self::Error> {
        if (0..=MAX_PRICE_MINOR).contains(&money.amount) { Ok(Self(money)) } else { Err(PriceOutOfRange) }
    }
}

impl From<Price> for Money {
    fn from(price: Price) -> Self {
        price.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yen_have_no_decimals_and_dinars_have_three() {
        assert_eq!(Money::new(1999, Currency::EUR).to_string(), "19.99 EUR");
        assert_eq!(Money::new(5, Currency::EUR).to_string(), "0.05 EUR");
        assert_eq!(Money::new(-1234, Currency::USD).to_string(), "-12.34 USD");
        assert_eq!(Money::new(1999, Currency::JPY).to_string(), "1999 JPY");
        assert_eq!(Money::new(1999, Currency::KWD).to_string(), "1.999 KWD");
    }

    #[test]
    fn what_no_money_is_made_in_is_stored_but_not_taken() {
        for code in ["XXX", "XTS", "XAU", "XDR", "XBA", "CLF", "USN", "HRK", "BGN"] {
            let currency = Currency::from_code(code).expect("a code of the standard");
            assert!(currency.take().is_err(), "{code}");
        }
        for code in ["EUR", "JPY", "KWD", "XAF", "XOF", "XPF", "XCD", "VES", "VED"] {
            assert!(Currency::from_code(code).expect("a code of the standard").take().is_ok(), "{code}");
        }
    }

    /// Its amounts have no unit that they could be counted in.
    #[test]
    fn nothing_can_be_priced_in_a_currency_without_an_exponent() {
        let currencies: Vec<Currency> = (0..1000).filter_map(Currency::from_numeric).collect();
        let without = currencies.iter().filter(|currency| currency.exponent().is_none());
        let codes: Vec<&str> = without.clone().map(|currency| currency.code()).collect();
        assert!(codes.contains(&"XAU") && codes.contains(&"XXX"), "{codes:?}");
        for currency in without {
            let price = Price::try_from(Money::new(1, *currency)).expect("stored in former times");
            assert!(price.take().is_err(), "{}", currency.code());
        }
    }

    #[test]
    fn different_currencies_do_not_add_up() {
        assert_eq!(Money::new(1, Currency::EUR).checked_add(Money::new(1, Currency::USD)), None);
    }

    #[test]
    fn an_overflow_is_noticed() {
        let most = Money::new(i64::MAX, Currency::EUR);
        assert_eq!(most.checked_add(Money::new(1, Currency::EUR)), None);
        assert_eq!(most.checked_mul(2), None);
    }

    #[test]
    fn a_negative_price_is_refused() {
        assert!(serde_json::from_str::<Price>(r#"{"amount":-1,"currency":"EUR"}"#).is_err());
        assert!(serde_json::from_str::<Price>(r#"{"amount":0,"currency":"EUR"}"#).is_ok());
    }
}
