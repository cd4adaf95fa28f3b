//! What a tally has beside its rows: sums by key, over all rows.

use std::collections::BTreeMap;

/// The parts of a key, in the order of a tally's `KEYS`.
pub type Key = Vec<String>;
/// The numbers that belong to a key, in the order of a tally's `SUMS`.
pub type Sums = Vec<i128>;

/// The names of a tally's keys and sums: the columns of its second table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub keys: &'static [&'static str],
    pub sums: &'static [&'static str],
}

impl Shape {
    /// The part of a key that is also a column of the rows.
    pub fn slice(self) -> &'static str {
        self.keys[0]
    }
}

/// Sums by key: those of one row, or the difference that many changes make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Contribution(BTreeMap<Key, Sums>);

impl Contribution {
    /// A key that comes twice counts twice.
    pub fn of(parts: Vec<(Key, Sums)>) -> Self {
        let mut sums = Self::default();
        for (key, numbers) in parts {
            sums.change(&key, &numbers, 1);
        }
        sums
    }

    pub fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(key, numbers)| self.change(key, numbers, 1));
    }

    pub fn subtract(&mut self, other: &Self) {
        other.0.iter().for_each(|(key, numbers)| self.change(key, numbers, -1));
    }

    fn change(&mut self, key: &Key, numbers: &Sums, sign: i128) {
        if !self.0.contains_key(key) {
            self.0.insert(key.clone(), vec![0; numbers.len()]);
        }
        let sums = self.0.get_mut(key).expect("it was just inserted");
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| *sum += sign * number);
    }

    /// The keys at which something is not 0, in their order.
    pub fn parts(&self) -> impl Iterator<Item = (&Key, &Sums)> {
        self.0.iter().filter(|(_, sums)| sums.iter().any(|sum| *sum != 0))
    }

    /// The slice that all of it belongs to.
    pub fn slice(&self) -> Option<&str> {
        self.0.keys().next()?.first().map(String::as_str)
    }

    /// Size in memory, about.
    pub fn bytes(&self) -> usize {
        let key = |key: &Key| key.iter().map(|part| size_of::<String>() + part.len()).sum::<usize>();
        self.0.iter().map(|(k, sums)| size_of::<(Key, Sums)>() + key(k) + size_of_val(sums.as_slice())).sum()
    }

    /// The contribution as it is stored with a row: JSON, for each key an array of its parts and then its numbers.
    pub fn text(&self) -> String {
        let parts: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|(key, sums)| key.iter().cloned().chain(sums.iter().map(i128::to_string)).collect())
            .collect();
        serde_json::to_string(&parts).expect("texts serialize")
    }

    /// What [`Self::text`] made of a contribution of this shape.
    pub fn read(text: &str, shape: Shape) -> Result<Self, String> {
        let parts: Vec<Vec<String>> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let part = |mut part: Vec<String>| {
            if part.len() != shape.keys.len() + shape.sums.len() {
                return Err("a contribution has another number of parts".to_owned());
            }
            let sums = part.split_off(shape.keys.len());
            let sums: Result<Sums, _> = sums.iter().map(|sum| sum.parse()).collect();
            Ok((part, sums.map_err(|error| format!("a contribution is not a number: {error}"))?))
        };
        Ok(Self(parts.into_iter().map(part).collect::<Result<_, _>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { keys: &["day", "what"], sums: &["count", "amount"] };

    fn of(parts: &[(&str, &str, i128, i128)]) -> Contribution {
        let part = |(day, what, count, amount): &(&str, &str, i128, i128)| {
            (vec![(*day).to_owned(), (*what).to_owned()], vec![*count, *amount])
        };
        Contribution::of(parts.iter().map(part).collect())
    }

    #[test]
    fn what_is_stored_with_a_row_is_what_is_read() {
        for contribution in [of(&[]), of(&[("d", "a'\"\\", 1, i128::from(i64::MAX) + 1), ("d", "b", -2, 0)])]
        {
            assert_eq!(Contribution::read(&contribution.text(), SHAPE), Ok(contribution));
        }
        for bad in ["", "{}", r#"[["d","a","1"]]"#, r#"[["d","a","1","x"]]"#, r#"[["d","a",1,2]]"#] {
            assert!(Contribution::read(bad, SHAPE).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_comes_and_goes_makes_no_difference() {
        let mut difference = of(&[("d", "a", 1, 5), ("d", "a", 1, 5), ("d", "b", 1, 7)]);
        difference.subtract(&of(&[("d", "a", 2, 10), ("d", "c", 0, 3)]));
        let parts: Vec<_> = difference.parts().map(|(key, sums)| (key[1].as_str(), sums.clone())).collect();
        assert_eq!(parts, [("b", vec![1, 7]), ("c", vec![0, -3])]);
    }
}
