//! Days that come in.

use chrono::NaiveDate;
use serde::Deserialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, SchemaFormat, Type, schema::Schema},
};

/// It is written in one way: `2030-01-31`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Day(pub NaiveDate);

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let day = text.parse().ok().filter(|day: &NaiveDate| text.len() == 10 && day.to_string() == text);
        day.map(Self).ok_or("a day, such as 2030-01-31")
    }
}

impl PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        let date = SchemaFormat::KnownFormat(KnownFormat::Date);
        ObjectBuilder::new().schema_type(Type::String).format(Some(date)).examples(["2030-01-31"]).into()
    }
}

impl ToSchema for Day {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_in_one_way() {
        let day = |text: &str| Day::try_from(text.to_owned()).map(|day| day.0.to_string());
        assert_eq!(day("2028-02-29").as_deref(), Ok("2028-02-29"));
        for bad in [
            "",
            "2030-1-31",
            "2030- 1-31",
            "2030-02-29",
            "+10030-01-31",
            "+203-01-31",
            "-203-01-31",
            "20300131",
        ] {
            assert!(day(bad).is_err(), "{bad:?}");
        }
    }
}
