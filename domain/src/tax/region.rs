//! Regions of countries that have taxes of their own.

use crate::text::short_text;

short_text! {
    /// The second part of a code of ISO 3166-2, without the country: `NY`. 1 to 3 of `A–Z 0–9`.
    Region, InvalidRegion, "a region is 1 to 3 of A–Z and 0–9, such as NY: the second part of a code of ISO 3166-2",
    |text| (1..=3).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}
