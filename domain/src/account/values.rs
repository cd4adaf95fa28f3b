//! What an account has beside ids: names of roles, of rules and of issuers, and a language.

use crate::text::short_text;

short_text! {
    /// The name of a role, built-in or made by the shop. That there is such a role, it doesn't say.
    RoleName, InvalidRoleName, "the name of a role has 1 to 64 characters of a-z 0-9 _ -",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|c| is_lower(c) || matches!(c, b'_' | b'-'))
}

short_text! {
    /// The name of a rule of the policy, as a key's scopes have it. That there is such a rule, it doesn't say.
    RuleName, InvalidRuleName, "the name of a rule has 1 to 64 characters of a-z 0-9 . _ -",
    |text| (1..=64).contains(&text.len()) && text.bytes().all(|c| is_lower(c) || matches!(c, b'.' | b'_' | b'-'))
}

short_text! {
    /// The name of an issuer at which people log in, as the settings have it. That there is such a one, it doesn't say.
    ProviderName, InvalidProviderName, "the name of a provider has 1 to 32 characters of a-z 0-9 _ -",
    |text| (1..=32).contains(&text.len()) && text.bytes().all(|c| is_lower(c) || matches!(c, b'_' | b'-'))
}

short_text! {
    /// A tag for a language (BCP 47, RFC 5646), such as `de` or `zh-Hant-TW`. It is kept as it was given.
    Language, InvalidLanguage, "a language is a tag of RFC 5646, such as de or en-GB, of 2 to 35 characters",
    is_language
}

fn is_lower(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// The shape of a tag: subtags of one to eight letters and digits, of which the first one has two letters or more.
fn is_language(text: &str) -> bool {
    let mut subtags = text.split('-');
    let first = subtags.next().unwrap_or_default();
    (2..=35).contains(&text.len())
        && (2..=8).contains(&first.len())
        && first.bytes().all(|c| c.is_ascii_alphabetic())
        && subtags.all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|c| c.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_characters_make_the_name_of_a_role() {
        for good in ["customer", "a", "night-shift_2", &"x".repeat(64)] {
            assert!(good.parse::<RoleName>().is_ok(), "{good}");
        }
        for bad in ["", "Admin", "a b", "order.read", "é", "a\n", &"x".repeat(65)] {
            assert!(bad.parse::<RoleName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_rule_of_the_policy_has_a_name_that_a_scope_can_have() {
        for rule in crate::policy::RULES {
            assert_eq!(rule.name.parse::<RuleName>().expect("a name").as_str(), rule.name);
        }
        assert!("order.Read".parse::<RuleName>().is_err());
    }

    #[test]
    fn a_language_is_a_tag() {
        for good in ["de", "en-GB", "zh-Hant-TW", "es-419", "sl-rozaj-biske-1994", "de-x-shop"] {
            assert!(good.parse::<Language>().is_ok(), "{good}");
        }
        for bad in ["", "d", "de-", "-de", "de--AT", "de_AT", "d\u{e9}", "1a", "de-123456789", "x-shop"] {
            assert!(bad.parse::<Language>().is_err(), "{bad}");
        }
        assert!("en-12345678-12345678-12345678-1234567".parse::<Language>().is_err(), "36 characters");
    }
}
