//! What is known of a sale before its lines are priced, and its terms once they are.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    calculation::{Unpriced, UntaxedLine},
    terms::{Circumstances, Mode, Terms},
};
use crate::{
    contact::Country,
    tax::{Buyer, Rates, Region, Supply, TaxClass, TaxRules, VatIdState},
};

/// A sale whose taxes are to be known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sale {
    pub circumstances: Circumstances,
    pub supply: Supply,
    /// The classes of services.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<TaxClass>,
}

impl Sale {
    /// A sale of today by these rules, to a country and a region of it.
    pub fn new(
        rules: &TaxRules,
        mode: Mode,
        today: NaiveDate,
        country: Country,
        region: Option<Region>,
        buyer: &Buyer,
    ) -> Self {
        let supply = rules.supply(&country, region.as_ref(), buyer);
        let taxed_in = match &supply {
            Supply::Taxed { country: taxing, .. } if *taxing != country => Some(taxing.clone()),
            Supply::Taxed { .. } | Supply::IntraCommunity | Supply::Export => None,
        };
        let circumstances = Circumstances {
            mode,
            tax_date: today,
            country,
            region,
            taxed_in,
            buyer: buyer.kind,
            vat_id_state: buyer.vat_id.as_ref().map(|_| VatIdState::Unverified),
        };
        Self { circumstances, supply, services: rules.services.clone() }
    }

    /// Whose rates its terms depend on, if on any.
    pub fn taxing(&self) -> Option<&Country> {
        match &self.supply {
            Supply::Taxed { country, .. } => Some(country),
            Supply::IntraCommunity | Supply::Export => None,
        }
    }

    /// What the lines come to with their taxes. `rates` are those of the country that is [taxing](Self::taxing) it.
    pub fn terms(&self, lines: &[UntaxedLine<'_>], rates: &Rates) -> Result<Terms, Unpriced> {
        let day = self.circumstances.tax_date;
        let treatment = |class: &TaxClass| self.supply.treatment(&self.services, rates, day, class);
        Terms::calculate(self.circumstances.clone(), lines, vec![], treatment)
    }
}
