//! How texts are compared: two are the same if they differ only in case, in composed and decomposed letters, in
//! compatibility forms or in characters that show nothing. This is what Unicode calls `NFKC_Casefold` (section
//! 3.13). What is compared is never shown or stored in place of what was given.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use super::visible::is_ignorable;

/// The text in the form in which it is compared. A text that is in this form already has no other.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let once = |text: &str| -> String {
        let seen = text.nfd().filter(|c| !is_ignorable(*c));
        seen.default_case_fold().nfkc().filter(|c| !is_ignorable(*c)).collect()
    };
    // Folding can decompose what was not folded yet, such as a letter in a circle.
    once(&once(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_text_are_the_same() {
        for (one, other) in [
            ("Caf\u{e9}", "CAFE\u{301}"),
            ("Gro\u{df}e", "GROSSE"),
            ("Gro\u{1e9e}e", "grosse"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{ff34}\u{ff45}a", "TEA"),
            ("\u{fb01}ne", "FINE"),
            ("Ⓐ", "a"),
            ("㎏", "KG"),
            ("Tee\u{ad}kanne", "teekanne"),
            ("\u{212b}", "a\u{30a}"),
            ("ᾳ", "ΑΙ"),
            ("Ꭰ", "\u{ab70}"),
            ("❤\u{fe0f}", "❤"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in [("tea", "tee"), ("é", "e"), ("ı", "i"), ("O", "0"), ("a b", "ab")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    proptest! {
        #[test]
        fn a_folded_text_is_folded(text in "\\PC{0,12}") {
            let form = folded(&text);
            prop_assert_eq!(folded(&form), form);
        }

        #[test]
        fn composed_and_decomposed_are_the_same(text in "\\PC{0,12}") {
            let decomposed: String = text.nfd().collect();
            prop_assert_eq!(folded(&decomposed), folded(&text));
        }
    }
}
