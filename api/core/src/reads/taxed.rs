//! What orders say of their taxes.

use chrono::NaiveDate;
use daybook_domain::{
    money::{Currency, Money as Amount},
    pricing::{self, Amounts, LineTerms},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::values::{Country, Money, Percent, PriceMode, TaxClass, TaxReason, TaxRegion};

/// How something is taxed, and what that comes to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Taxation {
    pub prices: PriceMode,
    /// The day whose rates count, by the time in UTC.
    pub tax_date: NaiveDate,
    /// Where it goes.
    pub country: Country,
    #[schema(required)]
    pub region: Option<TaxRegion>,
    /// Whose rates they are, if it is another country.
    #[schema(required)]
    pub taxed_in: Option<Country>,
    /// All that is taxed alike. The tax is rounded once for each.
    #[schema(max_items = 2000)]
    pub groups: Vec<TaxGroup>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TaxGroup {
    /// The class of what comes first in it; others that are taxed alike are in it, too.
    pub class: TaxClass,
    pub rate: Percent,
    pub reason: TaxReason,
    /// What the tax is on top of.
    pub net: Money,
    pub tax: Money,
}

impl Taxation {
    pub fn of(terms: pricing::Terms, currency: Currency) -> Self {
        let pricing::Terms { circumstances, groups, .. } = terms;
        Self {
            prices: circumstances.mode.into(),
            tax_date: circumstances.tax_date,
            country: circumstances.country.into(),
            region: circumstances.region.map(Into::into),
            taxed_in: circumstances.taxed_in.map(Into::into),
            groups: groups.into_iter().map(|group| TaxGroup::of(group, currency)).collect(),
        }
    }
}

impl TaxGroup {
    fn of(group: pricing::Group, currency: Currency) -> Self {
        let pricing::Group { class, treatment, base, tax } = group;
        let (net, tax) = money(Amounts { net: base, tax }, currency);
        Self {
            class: class.into(),
            rate: Percent(treatment.rate()),
            reason: treatment.reason().into(),
            net,
            tax,
        }
    }
}

/// The amounts of a line.
pub fn of_line(line: &LineTerms, currency: Currency) -> (Money, Money) {
    money(Amounts { net: line.pay - line.tax, tax: line.tax }, currency)
}

/// The amounts of all.
pub fn of_all(terms: &pricing::Terms, currency: Currency) -> (Money, Money) {
    money(Amounts { net: terms.total - terms.tax, tax: terms.tax }, currency)
}

fn money(Amounts { net, tax }: Amounts, currency: Currency) -> (Money, Money) {
    (Amount::new(net, currency).into(), Amount::new(tax, currency).into())
}
