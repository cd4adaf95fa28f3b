//! The tax rates of a country.

use std::iter::once;

use chrono::NaiveDate;
use daybook_domain::{
    contact,
    policy::Action,
    tax::{DatedRate, Rates},
};
use daybook_projections::{
    Moment,
    read_models::taxes::{Row, Taxes},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    access::{Access, Owner},
    error::ReadError,
    found::Found,
    read::{Item, Making, Read, Scope},
};
use crate::values::{Percent, TaxClass, TaxReason, TaxRegion};

/// The rates of a country, today or as they were known.
#[derive(Debug)]
pub struct TaxByCountry {
    pub country: contact::Country,
    pub as_of: Option<Moment>,
}

/// The tax rates of a country.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tax {
    #[schema(value_type = crate::values::Country)]
    pub country: String,
    /// All of them, former and future ones too, by class, region and first day. Those of the whole country are in front
    /// of those of its regions.
    #[schema(max_items = 5000)]
    pub rates: Vec<TaxRate>,
    #[schema(minimum = 1)]
    pub version: i64,
}

/// How things of a class are taxed.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaxRate {
    pub class: TaxClass,
    /// `null`: in all regions that have no rate of their own on that day.
    #[schema(required)]
    pub region: Option<TaxRegion>,
    pub rate: Percent,
    pub reason: TaxReason,
    /// The first day.
    pub valid_from: NaiveDate,
    /// The last day: the one in front of the first day of the next rate of this class and region. `null`: there is no
    /// next one.
    #[schema(required)]
    pub valid_until: Option<NaiveDate>,
}

impl Read for TaxByCountry {
    const NAME: &'static str = "tax.by_country";
    const ACCESS: Access = Access::rule(Action::ReadTaxRate);
    type View = Tax;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<Tax>, ReadError> {
        scope.item::<Self>(self.country.as_str().to_owned(), self.as_of).await
    }
}

impl Item for TaxByCountry {
    type Model = Taxes;

    fn owner(_: &Row) -> Owner {
        Owner::Shop
    }

    fn version(row: &Row) -> i64 {
        row.version
    }

    async fn views(rows: Vec<Row>, _: Making<'_>) -> Result<Vec<Tax>, ReadError> {
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

impl From<Row> for Tax {
    fn from(row: Row) -> Self {
        Self { country: row.country, rates: shown(&row.rates), version: row.version }
    }
}

fn shown(rates: &Rates) -> Vec<TaxRate> {
    let all = rates.all();
    let next = all.iter().skip(1).map(Some).chain(once(None));
    let shown = all.iter().zip(next).map(|(rate, next)| {
        let DatedRate { class, region, valid_from, treatment } = rate;
        let next = next.filter(|next| (&next.class, &next.region) == (class, region));
        TaxRate {
            class: class.clone().into(),
            region: region.clone().map(Into::into),
            rate: Percent(treatment.rate()),
            reason: treatment.reason().into(),
            valid_from: *valid_from,
            valid_until: next.and_then(|next| next.valid_from.pred_opt()),
        }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use daybook_domain::tax::Treatment;

    use super::*;

    #[test]
    fn a_rate_is_valid_until_the_next_one_of_its_class_and_region_begins() {
        let mut rates = Rates::default();
        for (class, region, valid_from, rate) in [
            ("standard", None, "2021-01-01", "19"),
            ("standard", None, "2020-07-01", "16"),
            ("standard", Some("NY"), "2027-03-01", "8.875"),
            ("books", None, "2021-01-01", "7"),
        ] {
            rates.set(DatedRate {
                class: class.parse().expect("a class"),
                region: region.map(|region: &str| region.parse().expect("a region")),
                valid_from: valid_from.parse().expect("a day"),
                treatment: Treatment::new(rate.parse().expect("a rate"), None).expect("a treatment"),
            });
        }
        let shown: Vec<_> = shown(&rates)
            .into_iter()
            .map(|rate| (rate.rate.0.to_string(), rate.valid_until.map(|day| day.to_string())))
            .collect();
        let expected = [("7", None), ("16", Some("2020-12-31")), ("19", None), ("8.875", None)];
        assert_eq!(shown, expected.map(|(rate, until)| (rate.to_owned(), until.map(str::to_owned))));
    }
}
