//! Closed vocabularies: an enum whose variants have one spelling each, the same in the log, in the database, in the
//! API and on the command line.

use std::fmt;

/// A word that a vocabulary doesn't have. Says which words it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownWord(pub &'static [&'static str]);

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such word; there are ")?;
        for (index, word) in self.0.iter().enumerate() {
            f.write_str(match index {
                0 => "",
                _ if index + 1 == self.0.len() => " and ",
                _ => ", ",
            })?;
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownWord {}

/// Makes an enum of words: `pub enum Colour { Red = "red", DeepBlue = "deep_blue" }`. It has `ALL`, `WORDS`, `as_str`,
/// `Display`, `FromStr` and serde's traits, all with the same spelling, and is ordered as it is written.
#[macro_export]
macro_rules! words {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $( $(#[$about:meta])* $variant:ident = $word:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        $visibility enum $name {
            $( $(#[$about])* #[serde(rename = $word)] $variant, )+
        }

        #[allow(dead_code, reason = "not every vocabulary needs all of these")]
        impl $name {
            /// The words, in the order of [`ALL`](Self::ALL).
            pub const WORDS: [&'static str; [$($word),+].len()] = [$($word),+];

            pub const ALL: [Self; Self::WORDS.len()] = [$(Self::$variant),+];

            /// The one spelling.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        impl $crate::incoming::Incoming for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err($crate::words::UnknownWord(&Self::WORDS)),
                }
            }
        }
    };
}

/// Says in a schema which words a vocabulary has, in a crate that has `utoipa`. Deriving it would give the names of the
/// variants, because it doesn't see the spelling that [`words!`] gives them.
#[macro_export]
macro_rules! schema_of_words {
    ($($name:ident),+ $(,)?) => {$(
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some(Self::WORDS))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

#[cfg(test)]
mod tests {
    words! {
        /// What a vocabulary can be made of.
        enum Colour {
            Red = "red",
            DeepBlue = "deep_blue",
            Green = "mail.green",
        }
    }

    #[test]
    fn a_word_is_spelled_the_same_everywhere() {
        for (colour, word) in Colour::ALL.into_iter().zip(Colour::WORDS) {
            assert_eq!(colour.as_str(), word);
            assert_eq!(colour.to_string(), word);
            assert_eq!(word.parse(), Ok(colour));
            assert_eq!(serde_json::to_value(colour).expect("a string"), word);
            assert_eq!(serde_json::from_value::<Colour>(word.into()).expect("a word"), colour);
        }
    }

    #[test]
    fn a_word_that_is_not_there_is_answered_with_those_that_are() {
        let error = "Red".parse::<Colour>().expect_err("words are compared letter by letter");
        assert_eq!(error.to_string(), "no such word; there are red, deep_blue and mail.green");
    }

    #[test]
    fn words_are_ordered_as_they_are_written() {
        assert!(Colour::ALL.is_sorted());
        assert!(Colour::Red < Colour::Green);
    }
}
