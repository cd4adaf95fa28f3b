//! Rates, such as that of a tax, and how an amount is rounded.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::incoming::Incoming;

/// 0 to 100 per cent, in parts per million: 8.875 per cent are 88,750.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Rate(u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is 0 to 100 per cent with at most four decimals, such as 19 or 8.875")]
pub struct InvalidRate;

impl Rate {
    pub const ZERO: Self = Self(0);

    /// All of it, in parts per million.
    const WHOLE: u32 = 1_000_000;
    const PARTS_OF_A_PERCENT: u32 = 10_000;

    pub const fn parts_per_million(self) -> u32 {
        self.0
    }

    /// What the rate comes to on top of `amount`.
    pub fn on(self, amount: i64) -> i64 {
        self.rounded(amount, Self::WHOLE)
    }

    /// What the rate has come to within `amount`: the part that was added to the rest of it.
    pub fn within(self, amount: i64) -> i64 {
        self.rounded(amount, Self::WHOLE + self.0)
    }

    /// A rate is at most the whole, so the result is no further from 0 than the amount.
    fn rounded(self, amount: i64, denominator: u32) -> i64 {
        let part = round_half_up(i128::from(amount) * i128::from(self.0), denominator.into());
        part.try_into().expect("a part is not larger than the whole")
    }
}

/// The whole number that is nearest to the fraction. A fraction in the middle of two becomes the upper one: 2.5 becomes
/// 3, and -2.5 becomes -2.
///
/// # Panics
///
/// If the denominator is not positive.
pub fn round_half_up(numerator: i128, denominator: i128) -> i128 {
    assert!(denominator > 0, "a fraction has a positive denominator");
    let (floor, rest) = (numerator.div_euclid(denominator), numerator.rem_euclid(denominator));
    if rest >= denominator - rest { floor + 1 } else { floor }
}

impl TryFrom<u32> for Rate {
    type Error = InvalidRate;

    fn try_from(parts_per_million: u32) -> Result<Self, Self::Error> {
        if parts_per_million <= Self::WHOLE { Ok(Self(parts_per_million)) } else { Err(InvalidRate) }
    }
}

impl From<Rate> for u32 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl Incoming for Rate {}

/// A number of per cent: `19`, `8.875`.
impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) if !decimals.is_empty() => (whole, decimals),
            Some(_) => return Err(InvalidRate),
            None => (text, ""),
        };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(1..=3).contains(&whole.len()) || decimals.len() > 4 || !digits(whole) || !digits(decimals) {
            return Err(InvalidRate);
        }
        let parts: u32 = format!("{whole}{decimals:0<4}").parse().map_err(|_| InvalidRate)?;
        parts.try_into()
    }
}

/// A number of per cent, with as many decimals as it needs.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:04}", self.0 / Self::PARTS_OF_A_PERCENT, self.0 % Self::PARTS_OF_A_PERCENT);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().expect("a rate")
    }

    #[test]
    fn a_rate_is_read_as_per_cent() {
        for (text, parts) in [
            ("0", 0),
            ("0.0001", 1),
            ("5.5", 55_000),
            ("07", 70_000),
            ("8.875", 88_750),
            ("19", 190_000),
            ("19.0000", 190_000),
            ("100", 1_000_000),
        ] {
            assert_eq!(rate(text).parts_per_million(), parts, "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_not_read() {
        for text in [
            "", ".", ".5", "5.", "-1", "+1", "1e1", " 1", "1 ", "1,5", "19%", "1.00001", "1.2.3", "100.0001",
            "101", "0019", "１９",
        ] {
            assert_eq!(text.parse::<Rate>(), Err(InvalidRate), "{text:?}");
        }
        assert!(serde_json::from_str::<Rate>("1000001").is_err());
    }

    #[test]
    fn a_rate_is_stored_in_parts_per_million() {
        assert_eq!(serde_json::to_string(&rate("8.875")).expect("a number"), "88750");
        assert_eq!(serde_json::from_str::<Rate>("88750").expect("a rate"), rate("8.875"));
    }

    #[test]
    fn a_half_is_rounded_up() {
        for (numerator, denominator, rounded) in
            [(5, 2, 3), (-5, 2, -2), (1, 3, 0), (2, 3, 1), (-1, 3, 0), (-2, 3, -1), (0, 7, 0), (14, 7, 2)]
        {
            assert_eq!(round_half_up(numerator, denominator), rounded, "{numerator}/{denominator}");
        }
    }

    #[test]
    fn tax_is_put_on_top_or_is_within() {
        assert_eq!(rate("19").on(10_000), 1900);
        assert_eq!(rate("19").within(11_900), 1900);
        assert_eq!(rate("8.875").on(1999), 177);
        assert_eq!(rate("100").within(1), 1);
        for amount in [i64::MAX, i64::MIN] {
            assert_eq!(rate("100").on(amount), amount);
            assert_eq!(rate("0").within(amount), 0);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same_rate(parts in 0..=1_000_000_u32) {
            let printed = Rate::try_from(parts).expect("a rate");
            prop_assert_eq!(printed.to_string().parse(), Ok(printed));
        }

        #[test]
        fn nothing_is_nearer_than_what_is_rounded(numerator: i64, denominator in 1..i64::MAX) {
            let (numerator, denominator) = (i128::from(numerator), i128::from(denominator));
            let twice = 2 * (round_half_up(numerator, denominator) * denominator - numerator);
            prop_assert!(-denominator < twice && twice <= denominator);
        }

        #[test]
        fn a_part_is_not_larger_than_the_whole(amount: i64, parts in 0..=1_000_000_u32) {
            let part = Rate::try_from(parts).expect("a rate");
            for result in [part.on(amount), part.within(amount)] {
                prop_assert!(result.unsigned_abs() <= amount.unsigned_abs());
            }
        }
    }
}
