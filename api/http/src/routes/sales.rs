//! Sales, added up.

use daybook_core::{reads::Sales, values::Day};
use daybook_projections::read_models::sales::Dimension;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::route::{Route, read};

#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    vec![
        read("/v1/sales", "Sales by day, product and currency. An order counts on the UTC day on which it was placed; a cancellation lowers nothing, and shows in `cancelled` of that day.",
            |(), page: Page| Sales::from(page)),
    ]
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Page {
    /// The first day, in UTC. The 30th day up to the last one, if not given.
    #[param(value_type = Option<NaiveDate>)]
    from: Option<Day>,
    /// The last day, which is included; at most 366 days in all. Today, if not given.
    #[param(value_type = Option<NaiveDate>)]
    to: Option<Day>,
    /// What is told apart: any of `day`, `product` and `currency`, with commas between them. All three, if
    /// not given; the sum of all, if empty.
    #[serde(default)]
    #[param(
        value_type = Option<String>,
        pattern = "^((day|product|currency)(,(day|product|currency))*)?$",
        example = "day,product,currency",
    )]
    by: By,
    #[serde(default)]
    #[param(value_type = Option<u16>, minimum = 1, maximum = 1000, default = 1000)]
    limit: Groups,
    /// `next` of the page before.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 256)]
    after: Option<String>,
}

impl From<Page> for Sales {
    fn from(page: Page) -> Self {
        let Page { from, to, by, limit, after } = page;
        Self { from: from.map(|day| day.0), to: to.map(|day| day.0), by: by.0, limit: limit.0, after }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct By(Vec<Dimension>);

impl Default for By {
    fn default() -> Self {
        Self(Dimension::ALL.into())
    }
}

impl TryFrom<String> for By {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = text.split(',').filter(|_| !text.is_empty());
        let by = words.map(str::parse).collect::<Result<_, _>>();
        by.map(Self).map_err(|_| "any of day, product and currency, with commas between them")
    }
}

/// How many groups a page has.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Groups(u16);

impl Default for Groups {
    fn default() -> Self {
        Self(1_000)
    }
}

impl TryFrom<String> for Groups {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let number = text.parse().ok().filter(|number| (1..=1_000).contains(number));
        number.map(Self).ok_or("1 to 1000")
    }
}
