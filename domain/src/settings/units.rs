//! Durations and sizes as people write them: one number with one unit, such as `1.5s` or `64MiB`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Name and worth of each unit, the smallest first. That one is worth 1.
type Units = &'static [(&'static str, u64)];

const OF_TIME: Units = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const OF_MEMORY: Units = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Decimal places that are written at most.
const MOST_PLACES: usize = 6;

/// A duration of whole milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

/// The text is not a number with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct NotAQuantity(&'static str);

impl Span {
    const EXPECTED: &'static str = r#"a duration with a unit, such as "250ms" or "1.5s" (ms, s, m, h or d)"#;
    const UNITS: Units = OF_TIME;

    pub const fn millis(count: u64) -> Self {
        Self(count)
    }

    pub const fn seconds(count: u64) -> Self {
        Self(count * 1_000)
    }

    pub const fn minutes(count: u64) -> Self {
        Self(count * 60_000)
    }

    pub const fn hours(count: u64) -> Self {
        Self(count * 3_600_000)
    }

    pub const fn days(count: u64) -> Self {
        Self(count * 86_400_000)
    }

    pub const fn get(self) -> Duration {
        Duration::from_millis(self.0)
    }

    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl Size {
    const EXPECTED: &'static str =
        r#"a size with a unit, such as "512B" or "64MiB" (B, KiB, MiB, GiB or TiB)"#;
    const UNITS: Units = OF_MEMORY;

    pub const fn bytes(count: u64) -> Self {
        Self(count)
    }

    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    pub const fn tib(count: u64) -> Self {
        Self(count << 40)
    }

    /// The size in bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The size in bytes, for what is kept in memory.
    pub fn in_memory(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.get()
    }
}

/// Both are read and written in the same way.
macro_rules! quantity {
    ($type:ident) => {
        impl FromStr for $type {
            type Err = NotAQuantity;

            fn from_str(text: &str) -> Result<Self, NotAQuantity> {
                read(text, Self::UNITS).map(Self).ok_or(NotAQuantity(Self::EXPECTED))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&written(self.0, Self::UNITS))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl de::Visitor<'_> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($type::EXPECTED)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
                    }
                }

                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

quantity!(Span);
quantity!(Size);

/// `None`: there is no such unit, or it is not a whole number of the smallest one.
fn read(text: &str, units: Units) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    let worth = units.iter().find_map(|(name, worth)| (*name == unit).then_some(u128::from(*worth)))?;
    let (whole, places) = match number.split_once('.') {
        Some((whole, places)) if !places.is_empty() => (whole, places.trim_end_matches('0')),
        Some(_) => return None,
        None => (number, ""),
    };
    let scale = 10_u128.checked_pow(u32::try_from(places.len()).ok()?)?;
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if places.is_empty() { 0 } else { places.parse().ok()? };
    let part = u128::from(part).checked_mul(worth)?;
    if part % scale != 0 {
        return None;
    }
    u64::try_from(u128::from(whole) * worth + part / scale).ok()
}

/// The shortest text that says exactly this, in the largest unit if there are several.
fn written(value: u64, units: Units) -> String {
    let fitting = units.iter().rev().filter(|(_, worth)| value >= *worth);
    let exact = fitting.filter_map(|(unit, worth)| Some(format!("{}{unit}", decimal(value, *worth)?)));
    // A zero has no unit that is shorter than another one's.
    exact.min_by_key(String::len).unwrap_or_else(|| format!("{value}{}", units[0].0))
}

/// `value` in units of `worth`, unless it has too many decimal places.
fn decimal(value: u64, worth: u64) -> Option<String> {
    let (whole, mut rest) = (value / worth, value % worth);
    let mut text = whole.to_string();
    if rest > 0 {
        text.push('.');
    }
    for _ in 0..MOST_PLACES {
        if rest == 0 {
            break;
        }
        rest *= 10;
        text.push_str(&(rest / worth).to_string());
        rest %= worth;
    }
    (rest == 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_and_written_in_the_shortest_form() {
        for (text, millis, shortest) in [
            ("250ms", 250, "250ms"),
            ("1.5s", 1_500, "1.5s"),
            ("1500ms", 1_500, "1.5s"),
            ("15s", 15_000, "15s"),
            ("90s", 90_000, "90s"),
            ("60s", 60_000, "1m"),
            ("1.50m", 90_000, "90s"),
            ("24h", 86_400_000, "1d"),
            ("0.001s", 1, "1ms"),
            ("0d", 0, "0ms"),
            ("1.0s", 1_000, "1s"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!((span.as_millis(), span.to_string().as_str()), (millis, shortest), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_and_written_in_the_shortest_form() {
        for (text, bytes, shortest) in [
            ("64MiB", 64 << 20, "64MiB"),
            ("65536KiB", 64 << 20, "64MiB"),
            ("1.5GiB", 3 << 29, "1.5GiB"),
            ("18000B", 18_000, "18000B"),
            ("0B", 0, "0B"),
        ] {
            let size: Size = text.parse().expect(text);
            assert_eq!((size.get(), size.to_string().as_str()), (bytes, shortest), "{text}");
        }
    }

    #[test]
    fn what_has_no_unit_or_says_less_than_one_is_refused() {
        for bad in
            ["", "5", "s", "5 s", "-5s", "+5s", "1,5s", ".5s", "5.s", "1.2.3s", "0.5ms", "5S", "1h30m", "5us"]
        {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        for bad in
            ["64", "64MB", "64mib", "0.3B", "99999999999TiB", "1.00000000000000000000000000000000000001KiB"]
        {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
        let refused = serde_json::from_str::<Span>("5").unwrap_err().to_string();
        assert!(refused.contains("1.5s"), "{refused}");
        let refused = serde_json::from_str::<Size>("\"5MB\"").unwrap_err().to_string();
        assert!(refused.contains("5MB") && refused.contains("MiB"), "{refused}");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in any::<u64>(), digits in 0..18_u32) {
            let value = value / 10_u64.pow(digits);
            prop_assert_eq!(Span(value).to_string().parse(), Ok(Span(value)));
            prop_assert_eq!(Size(value).to_string().parse(), Ok(Size(value)));
        }
    }
}
