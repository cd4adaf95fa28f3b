//! Words of closed vocabularies in SQL. A statement gets them as parameters. Only where the planner has to see a word,
//! because an index is for rows with that word, or where a parameter more would cost something for each event, the
//! word stands in the text; [`sql!`] puts it there when the program is compiled.

/// Makes a vocabulary a type of sqlx: text in the database. A column with a word that this release doesn't know can't
/// be decoded, and is a failure of the statement like any other.
macro_rules! as_text {
    ($name:ty) => {
        impl sqlx::Type<sqlx::Postgres> for $name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <str as sqlx::Type<sqlx::Postgres>>::type_info()
            }

            fn compatible(column: &sqlx::postgres::PgTypeInfo) -> bool {
                <str as sqlx::Type<sqlx::Postgres>>::compatible(column)
            }
        }

        impl sqlx::postgres::PgHasArrayType for $name {
            fn array_type_info() -> sqlx::postgres::PgTypeInfo {
                <&str as sqlx::postgres::PgHasArrayType>::array_type_info()
            }
        }

        impl sqlx::Encode<'_, sqlx::Postgres> for $name {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                <&str as sqlx::Encode<'_, sqlx::Postgres>>::encode(self.as_str(), buffer)
            }
        }

        impl sqlx::Decode<'_, sqlx::Postgres> for $name {
            fn decode(value: sqlx::postgres::PgValueRef<'_>) -> Result<Self, sqlx::error::BoxDynError> {
                Ok(<&str as sqlx::Decode<'_, sqlx::Postgres>>::decode(value)?.parse()?)
            }
        }
    };
}

/// A constant text of pieces that are constants: `sql!("state = '", State::Running.as_str(), "'")`.
macro_rules! sql {
    ($($piece:expr),+ $(,)?) => {{
        const PIECES: &[&str] = &[$($piece),+];
        const BYTES: [u8; $crate::sql::length(PIECES)] = $crate::sql::joined(PIECES);
        const TEXT: &str = match std::str::from_utf8(&BYTES) {
            Ok(text) => text,
            Err(_) => panic!("pieces of text are a text"),
        };
        TEXT
    }};
}

pub(crate) use {as_text, sql};

pub(crate) const fn length(pieces: &[&str]) -> usize {
    let (mut length, mut index) = (0, 0);
    while index < pieces.len() {
        length += pieces[index].len();
        index += 1;
    }
    length
}

pub(crate) const fn joined<const LENGTH: usize>(pieces: &[&str]) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let (mut end, mut index) = (0, 0);
    while index < pieces.len() {
        let piece = pieces[index].as_bytes();
        let mut place = 0;
        while place < piece.len() {
            bytes[end] = piece[place];
            (end, place) = (end + 1, place + 1);
        }
        index += 1;
    }
    bytes
}

#[cfg(test)]
mod tests {
    #[test]
    fn pieces_are_joined_as_they_are() {
        const PIECE: &str = "ä'";
        const TEXT: &str = sql!("", "state = '", PIECE, "");
        assert_eq!(TEXT, "state = 'ä'");
    }
}
