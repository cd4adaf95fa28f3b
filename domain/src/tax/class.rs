//! What a thing is for the tax, such as `standard` or `books`.

use crate::text::short_text;

short_text! {
    /// 1 to 40 of `a–z 0–9 _`. Products of one class are taxed alike in each country, so a class says what a thing is and
    /// not which rate it has: one country taxes books less than tea, another one doesn't.
    TaxClass, InvalidTaxClass, "a tax class is 1 to 40 of a–z, 0–9 and _",
    |text| (1..=40).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
}

impl TaxClass {
    /// Whether it is the class of what was not given one.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The class of what was not given one.
impl Default for TaxClass {
    fn default() -> Self {
        Self("standard".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_a_short_word() {
        for good in ["standard", "books", "food_2", "7"] {
            assert_eq!(good.parse::<TaxClass>().expect("a class").as_str(), good);
        }
        for bad in ["", "Books", "a-b", "a b", "é", &"a".repeat(41)] {
            assert_eq!(bad.parse::<TaxClass>(), Err(InvalidTaxClass), "{bad:?}");
        }
        assert_eq!(TaxClass::default().to_string(), "standard");
    }
}
