//! Sales by day, product and currency.

use chrono::{NaiveDate, TimeDelta};
use daybook_domain::policy::Action;
use daybook_projections::{
    Cursor,
    read_models::sales::{self, Dimension, Filter, Group},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    access::Access,
    error::ReadError,
    found::{Found, Page},
    read::{Read, Scope},
};
use crate::values::{Currency, Sku};

/// The days that are shown if nothing else is asked for, today among them.
const USUAL_DAYS: i64 = 30;
/// The most days that are added up at once: a leap year.
const MAX_DAYS: i64 = 366;

/// A page of sales, added up by some dimensions.
#[derive(Debug)]
pub struct Sales {
    /// The first day, in UTC. The 30th day up to the last one, if `None`.
    pub from: Option<NaiveDate>,
    /// The last day. Today, if `None`.
    pub to: Option<NaiveDate>,
    pub by: Vec<Dimension>,
    /// 1–1,000.
    pub limit: u16,
    /// `next` of the page before.
    pub after: Option<String>,
}

pub type SalesPage = Page<SalesGroup>;

/// The sales of a day, of a product, in a currency, as far as these were asked for. An order counts on the
/// UTC day on which it was placed, also if it is cancelled later.
#[derive(Debug, Serialize, ToSchema)]
pub struct SalesGroup {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub day: Option<NaiveDate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub product: Option<Sku>,
    /// The currency of the amounts. Absent, as they are, where several come together, which don't add up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub currency: Option<Currency>,
    /// Orders that were placed; of a product: those that have it. An order of several products counts once
    /// where products aren't told apart.
    #[schema(value_type = i64)]
    pub orders: i128,
    /// Pieces that were ordered.
    #[schema(value_type = i64)]
    pub pieces: i128,
    /// Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<i64>)]
    pub amount: Option<i128>,
    pub cancelled: CancelledSales,
}

/// What of it was cancelled since, on whichever day.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelledSales {
    #[schema(value_type = i64)]
    pub orders: i128,
    #[schema(value_type = i64)]
    pub pieces: i128,
    /// Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<i64>)]
    pub amount: Option<i128>,
}

impl Read for Sales {
    const NAME: &'static str = "sales.page";
    const ACCESS: Access = Access::rule(Action::ReadSales);
    type View = SalesPage;

    async fn find(&self, scope: Scope<'_>) -> Result<Found<SalesPage>, ReadError> {
        let after = self.after.as_deref().map(|after| Cursor::decode(Self::NAME, after)).transpose()?;
        let filter = Filter::new(self.days(scope.now().date_naive())?, &self.by, self.limit, after.as_ref())?;
        scope.groups(&filter, SalesGroup::from).await
    }
}

impl Sales {
    /// The first day and the last one.
    fn days(&self, today: NaiveDate) -> Result<(NaiveDate, NaiveDate), ReadError> {
        let to = self.to.unwrap_or(today);
        let from = self.from.or_else(|| to.checked_sub_signed(TimeDelta::days(USUAL_DAYS - 1)));
        match from {
            Some(from) if from > to => {
                Err(ReadError::Invalid("from is not behind to, which is today if not given"))
            }
            Some(from) if to.signed_duration_since(from).num_days() < MAX_DAYS => Ok((from, to)),
            _ => Err(ReadError::Invalid("from and to are at most 366 days, both included")),
        }
    }
}

impl From<Group> for SalesGroup {
    fn from(group: Group) -> Self {
        let sales::Figures { orders, pieces, amount } = group.cancelled;
        Self {
            day: group.day,
            product: group.product.map(Into::into),
            currency: group.currency.map(Into::into),
            orders: group.sold.orders,
            pieces: group.sold.pieces,
            amount: group.sold.amount,
            cancelled: CancelledSales { orders, pieces, amount },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn days(from: Option<&str>, to: Option<&str>) -> Result<(NaiveDate, NaiveDate), String> {
        let (from, to) = (from.map(day), to.map(day));
        let today = day("2027-01-15");
        let sales = Sales { from, to, by: vec![], limit: 1, after: None };
        sales.days(today).map_err(|error| error.to_string())
    }

    #[test]
    fn the_last_thirty_days_are_shown_unless_others_are_asked_for() {
        let of = |from, to| Ok((day(from), day(to)));
        assert_eq!(days(None, None), of("2026-12-17", "2027-01-15"));
        assert_eq!(days(Some("2027-01-01"), None), of("2027-01-01", "2027-01-15"));
        assert_eq!(days(None, Some("2024-03-01")), of("2024-02-01", "2024-03-01"));
        assert_eq!(days(Some("2024-01-01"), Some("2024-12-31")), of("2024-01-01", "2024-12-31"));
        assert_eq!(days(Some("2027-01-20"), Some("2027-01-20")), of("2027-01-20", "2027-01-20"));
    }

    #[test]
    fn no_more_than_a_year_is_added_up() {
        let too_many = "from and to are at most 366 days, both included";
        assert_eq!(days(Some("2024-01-01"), Some("2025-01-01")).expect_err("too many"), too_many);
        assert_eq!(days(Some("2020-01-01"), None).expect_err("too many"), too_many);
        let swapped = "from is not behind to, which is today if not given";
        assert_eq!(days(Some("2027-01-16"), None).expect_err("swapped"), swapped);
    }
}
