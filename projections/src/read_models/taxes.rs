//! Taxes: a row for each country that has rates, with all of them.

use daybook_domain::{
    Decider, Record,
    stored::Unreadable,
    tax::{Event, Rates},
};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};

use super::{Column, List, Place, ReadModel};
use crate::cursor::Cursor;

pub struct Taxes;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    #[serde(flatten)]
    pub rates: Rates,
    pub version: i64,
}

/// A page of countries, by their codes.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// 1–100.
    pub limit: u16,
    pub place: Place<Cursor>,
}

impl ReadModel for Taxes {
    const NAME: &'static str = "taxes";
    const KIND: &'static str = Rates::KIND;
    const COLUMNS: &'static [Column] = &[];
    const INDEXES: &'static [&'static str] = &[];
    type Row = Row;

    fn fold(row: Option<Row>, record: &Record) -> Result<Option<Row>, Unreadable> {
        let event: Event = record.decode()?;
        let rates = row.map_or_else(Rates::default, |row| row.rates).evolve(&event);
        Ok(Some(Row { country: record.aggregate_id.clone(), rates, version: record.sequence }))
    }

    fn columns(_: &Row) -> Vec<Option<String>> {
        vec![]
    }
}

impl List for Filter {
    type Model = Taxes;
    const ORDER: &'static str = "id";
    const BACKWARDS: &'static str = "id DESC";

    fn limit(&self) -> u16 {
        self.limit
    }

    fn place(&self) -> Place<()> {
        self.place.side()
    }

    fn conditions(&self, query: &mut QueryBuilder<'_, Postgres>) {
        self.place.by_id(query);
    }

    fn key(row: &Row) -> String {
        row.country.clone()
    }
}

#[cfg(test)]
mod tests {
    use daybook_domain::tax::{DatedRate, Treatment};

    use super::*;
    use crate::read_models::testing::given;

    fn set(class: &str, valid_from: &str, rate: &str) -> Event {
        Event::RateSet(DatedRate {
            class: class.parse().expect("a class"),
            region: None,
            valid_from: valid_from.parse().expect("a day"),
            treatment: Treatment::new(rate.parse().expect("a rate"), None).expect("a treatment"),
        })
    }

    #[test]
    fn a_country_has_its_rates_in_their_order() {
        let row = given::<Taxes, _>(
            "DE",
            [
                set("standard", "2021-01-01", "19"),
                set("books", "2021-01-01", "5"),
                set("books", "2021-01-01", "7"),
            ],
        )
        .row();
        let rates: Vec<String> =
            row.rates.all().iter().map(|rate| rate.treatment.rate().to_string()).collect();
        assert_eq!((row.country.as_str(), rates, row.version), ("DE", vec!["7".into(), "19".into()], 3));
    }
}
