//! Sets how things of a class are taxed in a country from a day on. What is in force today stays as it is.

use chrono::NaiveDate;
use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    contact::Country,
    feature::Feature,
    money::Rate,
    policy::Action,
    tax::{Command, DatedRate, Rates, Region, TaxClass, TaxCode, TaxReason, Treatment},
};
use serde::{Deserialize, Serialize};

use super::TaxOutcome;
use crate::{
    Context,
    error::Refusal,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetTaxRate {
    pub country: Country,
    pub class: TaxClass,
    /// `None`: in all regions that have no rate of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    pub rate: Rate,
    /// `None`: the usual one for such a rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<TaxReason>,
    /// The first day.
    pub valid_from: NaiveDate,
}

impl AsAsked for SetTaxRate {}

impl UseCase for SetTaxRate {
    const NAME: &'static str = "tax.set_rate";
    const ACTION: Action = Action::SetTaxRate;
    const REFUSALS: &'static [Code] = &[GeneralCode::ValidationFailed.code(), TaxCode::RateInForce.code()];
    type Outcome = TaxOutcome;

    fn needs(&self) -> Option<(Feature, &'static str)> {
        Some((Feature::Tax, ""))
    }

    /// Today is the day in UTC.
    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<TaxOutcome, Halt> {
        let country = self.country.as_str();
        let treatment = Treatment::new(self.rate, self.reason)
            .map_err(|error| Refusal::new(GeneralCode::ValidationFailed, error.to_string()).at("/reason"))?;
        let (class, region, valid_from) = (self.class.clone(), self.region.clone(), self.valid_from);
        let rate = DatedRate { class, region, valid_from, treatment };
        work.expect_version::<Rates>(country, context.if_match.as_deref())?;
        work.execute::<Rates>(country, Command::SetRate { rate, today: context.now.date_naive() })?;
        let version = work.version::<Rates>(country)?;
        Ok(TaxOutcome { id: self.country.clone(), country: self.country.clone(), version })
    }
}
