//! Tax rates.

use actix_web::http::Method;
use daybook_commands::taxes::{SetTaxRate, TaxOutcome};
use daybook_core::{
    reads::{TaxByCountry, TaxHistory, Taxes, Turn},
    values::{Country, Day, Percent, TaxClass, TaxReason, TaxRegion},
};
use daybook_domain::Position;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    answer::Told,
    params::{AsOf, Limit, PageOfHistory},
    route::{Route, command, read},
};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        read("/v1/tax", "The countries that have tax rates, by their codes, with all of their rates.",
            |(), page: Page| Taxes::from(page)),
        read("/v1/tax/{country}", "The tax rates of a country, today or as they were known: former and future ones, too. A rate holds from `valid_from` to `valid_until`, both days included.",
            |country: Country, AsOf(as_of)| TaxByCountry { country: country.0, as_of }),
        read("/v1/tax/{country}/history", "What happened to the tax rates of a country, in order: who, when and what.",
            |country: Country, page: PageOfHistory| TaxHistory { country: country.0, part: page.into() }),
        command(Method::PUT, "/v1/tax/{country}/rates", "Sets how things of a class are taxed from a day on. It takes the place of a rate that begins on the same day. Where such things have a rate today, another one begins tomorrow (UTC) or later; where they have none, a rate may begin in the past.",
            |country, body: Set| body.of(country)),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// How many rows a page has at most. It has fewer where they would be more than 2 MiB.
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 100, default = 20)]
    limit: Limit,
    /// `next` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    after: Option<String>,
    /// `prev` of the page behind. It excludes `after`.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    before: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetTaxRate, examples(json!({ "class": "books", "rate": "7", "valid_from": "2030-01-01" })))]
pub struct Set {
    class: TaxClass,
    /// If it is not given, the rate is that of all regions that have none of their own.
    region: Option<TaxRegion>,
    rate: Percent,
    /// If it is not given, it is `standard`, or `zero` for a rate of 0.
    reason: Option<TaxReason>,
    /// The first day.
    valid_from: Day,
}

/// The taxes of the country after the command.
#[derive(Serialize, ToSchema)]
pub struct TaxReceipt {
    id: Country,
    country: Country,
    /// The version, which is also in `ETag`.
    #[schema(minimum = 1)]
    version: i64,
    /// A place in the log, also in `Daybook-Position`.
    #[schema(minimum = 1)]
    position: i64,
}

impl Set {
    fn of(self, country: Country) -> SetTaxRate {
        let Self { class, region, rate, reason, valid_from } = self;
        SetTaxRate {
            country: country.0,
            class: class.0,
            region: region.map(|region| region.0),
            rate: rate.0,
            reason: reason.map(|reason| reason.0),
            valid_from: valid_from.0,
        }
    }
}

impl From<Page> for Taxes {
    fn from(Page { limit, after, before }: Page) -> Self {
        Self { limit: limit.get(), turn: Turn { after, before } }
    }
}

impl Told for TaxOutcome {
    type Answer = TaxReceipt;

    fn told(self, position: Position) -> TaxReceipt {
        let Self { id, country, version } = self;
        TaxReceipt { id: id.into(), country: country.into(), version, position: position.0 }
    }
}
