//! PostgreSQL's binary format of COPY, as far as it is used here: rows of a table go in, rows of a query
//! come out. Nothing is taken for granted of what arrives: what doesn't fit is an error.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, Binary Format.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{TryStreamExt, stream::BoxStream};
use sqlx::PgConnection;
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// After it come the flags and the length of an extension, of which there is none: 32 zero bits each.
const HEADER_BYTES: usize = SIGNATURE.len() + 8;
/// Marks the end; it is written in place of a number of fields.
const TRAILER: i16 = -1;
/// Marks NULL; it is written in place of a length.
const NULL: i32 = -1;
/// 2000-01-01, from which PostgreSQL counts, µs after 1970-01-01.
const EPOCH_US: i64 = 946_684_800_000_000;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a row of COPY doesn't fit: {0}")]
pub(crate) struct Malformed(pub &'static str);

impl From<Malformed> for sqlx::Error {
    fn from(error: Malformed) -> Self {
        Self::Decode(error.into())
    }
}

/// What a query gives, row by row.
pub(crate) struct Rows<'c> {
    messages: BoxStream<'c, Result<Bytes, sqlx::Error>>,
    has_begun: bool,
}

impl<'c> Rows<'c> {
    /// COPY takes no parameters, so values in `query` must be made with [`literal`].
    pub async fn of(connection: &'c mut PgConnection, query: &str) -> Result<Self, sqlx::Error> {
        let copy = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
        Ok(Self { messages: connection.copy_out_raw(&copy).await?, has_begun: false })
    }

    /// A row, for [`Fields::of`]. PostgreSQL sends each in a message of its own, the first one behind the
    /// header.
    pub async fn next(&mut self) -> Result<Option<Bytes>, sqlx::Error> {
        loop {
            let message = self.messages.try_next().await?;
            let mut row = message.ok_or(Malformed("the end is missing"))?;
            if !self.has_begun {
                row = without_header(row)?;
                self.has_begun = true;
                if row.is_empty() {
                    continue;
                }
            }
            if *row != TRAILER.to_be_bytes() {
                return Ok(Some(row));
            }
            // The end of the statement itself follows.
            return match self.messages.try_next().await? {
                None => Ok(None),
                Some(_) => Err(Malformed("there is more behind the end").into()),
            };
        }
    }
}

fn without_header(mut message: Bytes) -> Result<Bytes, Malformed> {
    let is_known = message.len() >= HEADER_BYTES
        && message.starts_with(SIGNATURE)
        && message[SIGNATURE.len()..HEADER_BYTES].iter().all(|byte| *byte == 0);
    if is_known { Ok(message.split_off(HEADER_BYTES)) } else { Err(Malformed("another header")) }
}

/// The values of a row, to be taken in their order.
#[derive(Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub fn of(row: &'a [u8], count: usize) -> Result<Self, Malformed> {
        let (found, rest) = row.split_first_chunk().ok_or(Malformed("no number of fields"))?;
        if usize::try_from(i16::from_be_bytes(*found)) != Ok(count) {
            return Err(Malformed("another number of fields"));
        }
        Ok(Self(rest))
    }

    fn nullable(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let (length, rest) = self.0.split_first_chunk().ok_or(Malformed("no length of a field"))?;
        let length = i32::from_be_bytes(*length);
        if length == NULL {
            self.0 = rest;
            return Ok(None);
        }
        let length = usize::try_from(length).map_err(|_| Malformed("a negative length"))?;
        let (value, rest) = rest.split_at_checked(length).ok_or(Malformed("a field is cut off"))?;
        self.0 = rest;
        Ok(Some(value))
    }

    fn value(&mut self) -> Result<&'a [u8], Malformed> {
        self.nullable()?.ok_or(Malformed("a NULL where there is none"))
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.value()?.try_into().map_err(|_| Malformed("a number of another size"))
    }

    /// Text or json.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        str::from_utf8(self.value()?).map_err(|_| Malformed("a text that isn't UTF-8"))
    }

    pub fn nullable_text(&mut self) -> Result<Option<&'a str>, Malformed> {
        let text = self.nullable()?.map(str::from_utf8).transpose();
        text.map_err(|_| Malformed("a text that isn't UTF-8"))
    }

    pub fn bigint(&mut self) -> Result<i64, Malformed> {
        self.number().map(i64::from_be_bytes)
    }

    pub fn uuid(&mut self) -> Result<Uuid, Malformed> {
        self.number().map(Uuid::from_bytes)
    }

    pub fn time(&mut self) -> Result<DateTime<Utc>, Malformed> {
        let since_1970_us = self.bigint()?.checked_add(EPOCH_US);
        since_1970_us.and_then(DateTime::from_timestamp_micros).ok_or(Malformed("a time out of range"))
    }

    pub fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed("there is more behind the fields")) }
    }
}

/// Rows for `COPY … FROM STDIN (FORMAT binary)`. Several of these, one behind the other, are one COPY if
/// the first is [`Self::header`] and the last [`Self::trailer`].
#[derive(Default)]
pub(crate) struct Piece(pub Vec<u8>);

impl Piece {
    pub fn header() -> Self {
        Self([SIGNATURE, &[0; HEADER_BYTES - SIGNATURE.len()]].concat())
    }

    pub fn trailer() -> Self {
        Self(TRAILER.to_be_bytes().to_vec())
    }

    /// Each row begins with this.
    pub fn begin_row(&mut self, fields: usize) -> Result<(), Malformed> {
        let fields = i16::try_from(fields).map_err(|_| Malformed("too many columns"))?;
        self.0.extend(fields.to_be_bytes());
        Ok(())
    }

    pub fn text(&mut self, value: &str) -> Result<(), Malformed> {
        let length = i32::try_from(value.len()).map_err(|_| Malformed("a text above 2 GiB"))?;
        self.0.extend(length.to_be_bytes());
        self.0.extend(value.as_bytes());
        Ok(())
    }

    pub fn bigint(&mut self, value: i64) {
        self.0.extend(8_i32.to_be_bytes());
        self.0.extend(value.to_be_bytes());
    }

    pub fn null(&mut self) {
        self.0.extend(NULL.to_be_bytes());
    }
}

/// A text as it is written in SQL, whatever it contains: sessions here have `standard_conforming_strings`.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(of: impl FnOnce(&mut Piece) -> Result<(), Malformed>) -> Vec<u8> {
        let mut piece = Piece::default();
        of(&mut piece).expect("it fits");
        piece.0
    }

    #[test]
    fn what_is_written_is_read() {
        let row = row(|piece| {
            piece.begin_row(4)?;
            piece.text("a\tb\\N\r\n\0Æ")?;
            piece.bigint(i64::MIN);
            piece.null();
            piece.bigint(0);
            Ok(())
        });
        let mut fields = Fields::of(&row, 4).expect("four");
        assert_eq!(fields.text(), Ok("a\tb\\N\r\n\0Æ"));
        assert_eq!(fields.bigint(), Ok(i64::MIN));
        assert_eq!(fields.nullable_text(), Ok(None));
        assert_eq!(fields.time().map(|time| time.to_rfc3339()), Ok("2000-01-01T00:00:00+00:00".into()));
        assert_eq!(fields.end(), Ok(()));
    }

    /// Catches: a length that is trusted.
    #[test]
    fn whatever_is_cut_off_or_changed_is_an_error_and_no_panic() {
        let whole = row(|piece| {
            piece.begin_row(3)?;
            piece.text("ab")?;
            piece.bigint(7);
            piece.text("c")
        });
        let read = |row: &[u8]| -> Result<(String, i64, String), Malformed> {
            let mut fields = Fields::of(row, 3)?;
            let read = (fields.text()?.to_owned(), fields.bigint()?, fields.text()?.to_owned());
            fields.end().map(|()| read)
        };
        assert_eq!(read(&whole), Ok(("ab".into(), 7, "c".into())));
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} bytes");
        }
        assert!(read(&[whole.as_slice(), b"x"].concat()).is_err());
        for place in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[place] = value;
                // Another value or an error.
                let _ = read(&changed);
            }
        }
        assert!(Fields::of(&whole, 2).is_err());
    }

    #[test]
    fn infinite_times_are_errors() {
        for micros in [i64::MAX, i64::MIN] {
            let row = row(|piece| {
                piece.begin_row(1)?;
                piece.bigint(micros);
                Ok(())
            });
            assert!(Fields::of(&row, 1).expect("one").time().is_err(), "{micros}");
        }
    }

    #[test]
    fn a_header_of_another_format_is_an_error() {
        let header = Piece::header().0;
        assert_eq!(without_header(header.clone().into()), Ok(Bytes::new()));
        for length in 0..header.len() {
            assert!(without_header(Bytes::copy_from_slice(&header[..length])).is_err());
        }
        let mut with_flags = header;
        with_flags[SIGNATURE.len()] = 1;
        assert!(without_header(with_flags.into()).is_err());
    }

    #[test]
    fn quotes_in_a_literal_end_nothing() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"'; DROP TABLE events; --\"), r"'''; DROP TABLE events; --\'");
    }
}
