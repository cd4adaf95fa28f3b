//! Where a sale is taxed, and so by whose rates, if by any.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    class::TaxClass,
    rates::Rates,
    region::Region,
    treatment::{TaxReason, Treatment},
    vat_id::{MemberState, VatId},
};
use crate::{contact::Country, text::Line, words};

words! {
    /// Stored for ever: add words, never rename one.
    pub enum BuyerKind {
        Consumer = "consumer",
        Business = "business",
    }
}

words! {
    /// How far a VAT id was checked. Stored for ever: add words, never rename one.
    pub enum VatIdState {
        /// It has the form that its state gives to ids.
        Unverified = "unverified",
    }
}

/// Who buys, as far as taxes ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buyer {
    pub kind: BuyerKind,
    /// The name of the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<Line<1, 200>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<VatId>,
}

/// What a shop has to say of its taxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRules {
    /// Where the shop is, and what it sends things from.
    pub home: Country,
    /// Other countries whose tax it charges on what it sends there.
    pub registered: Vec<Country>,
    /// The classes of services. All others are goods.
    pub services: Vec<TaxClass>,
}

/// How a sale is taxed because of where it goes, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supply {
    /// By the rates of this country.
    Taxed { country: Country, region: Option<Region> },
    /// Not by the shop: a business in the Union, but not at home, declares it.
    IntraCommunity,
    /// Not at all: it leaves the area of the tax.
    Export,
}

impl TaxRules {
    /// What is sent at home has the rates of home. What is sent to a business in another member state that has a VAT id
    /// of another one is taxed there by the buyer. All else has the rates of the country that it is sent to, if the shop
    /// is registered there; if not, it has those of home within the Union, and none beyond it.
    pub fn supply(&self, country: &Country, region: Option<&Region>, buyer: &Buyer) -> Supply {
        let is_within = MemberState::of(&self.home).is_some() && MemberState::of(country).is_some();
        if *country == self.home {
            Supply::Taxed { country: country.clone(), region: region.cloned() }
        } else if is_within && self.is_business_of_another_state(buyer) {
            Supply::IntraCommunity
        } else if self.registered.contains(country) {
            Supply::Taxed { country: country.clone(), region: region.cloned() }
        } else if is_within {
            Supply::Taxed { country: self.home.clone(), region: None }
        } else {
            Supply::Export
        }
    }

    fn is_business_of_another_state(&self, buyer: &Buyer) -> bool {
        let state = buyer.vat_id.as_ref().and_then(VatId::member_state);
        buyer.kind == BuyerKind::Business && state.is_some_and(|state| state.country != self.home.as_str())
    }
}

impl Supply {
    /// How a class is taxed in such a sale; `services` are the classes of services. `rates` are those of the country that
    /// taxes it; if they have none, this is `None`: the tax is not known.
    pub fn treatment(
        &self,
        services: &[TaxClass],
        rates: &Rates,
        day: NaiveDate,
        class: &TaxClass,
    ) -> Option<Treatment> {
        let is_service = services.contains(class);
        let reason = match self {
            Self::Taxed { region, country: _ } => return rates.on(day, class, region.as_ref()),
            Self::IntraCommunity if is_service => TaxReason::ReverseCharge,
            Self::IntraCommunity => TaxReason::IntraCommunity,
            Self::Export if is_service => TaxReason::NotSubject,
            Self::Export => TaxReason::Export,
        };
        Some(Treatment::untaxed(reason))
    }
}
