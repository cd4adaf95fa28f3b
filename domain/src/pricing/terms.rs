//! What an order comes to with its taxes, as it is stored. All amounts are minor units of the order's currency, and none
//! is negative.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    contact::Country,
    money::Rate,
    tax::{BuyerKind, Region, TaxClass, Treatment, VatIdState},
    text::Line,
    words,
};

words! {
    /// What prices are. Stored for ever: add words, never rename one.
    pub enum Mode {
        /// Taxes are in them.
        Gross = "gross",
        /// Taxes are added to them.
        Net = "net",
    }
}

words! {
    /// What a fee is for. Stored for ever: add words, never rename one.
    pub enum FeeKind {
        Shipping = "shipping",
    }
}

pub type FeeName = Line<1, 200>;

/// What the taxes of an order follow from, beside its lines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    pub mode: Mode,
    /// The day whose rates count.
    pub tax_date: NaiveDate,
    /// Where the order goes.
    pub country: Country,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Whose rates they are, if it is another country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taxed_in: Option<Country>,
    pub buyer: BuyerKind,
    /// `None`: the buyer has named no VAT id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id_state: Option<VatIdState>,
}

/// Stored for ever: add fields, never change one. What is 0, such as the first group's index, is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    #[serde(flatten)]
    pub circumstances: Circumstances,
    pub groups: Vec<Group>,
    /// In the order of the order's lines.
    pub lines: Vec<LineTerms>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<FeeTerms>,
    /// The sum of quantity × unit price over all lines.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub goods: i64,
    /// The sum of the lines' discounts.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discount: i64,
    /// The sum of the groups' taxes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tax: i64,
    /// What is to be paid.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub total: i64,
}

/// All that is taxed alike. The tax is rounded once for it, as EN 16931 says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The class of what comes first in it. Things of other classes are in it, too, if they are taxed alike.
    pub class: TaxClass,
    #[serde(flatten)]
    pub treatment: Treatment,
    /// What the tax is on top of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub base: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tax: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTerms {
    /// Index of the line's group.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub group: usize,
    /// What was taken off quantity × unit price.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub discount: i64,
    /// What is to be paid for the line, its tax included in either mode.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pay: i64,
    /// The line's share of its group's tax.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tax: i64,
}

/// As with [`LineTerms`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeTerms {
    pub kind: FeeKind,
    pub name: FeeName,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub group: usize,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pay: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub tax: i64,
}

fn is_zero<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

/// An amount without its tax, and the tax.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amounts {
    pub net: i64,
    pub tax: i64,
}

impl Amounts {
    pub fn gross(self) -> i64 {
        self.net + self.tax
    }
}

impl Mode {
    /// The net amount and the tax of all prices that have one rate. This is where taxes are rounded.
    pub(super) fn taxed(self, prices: i64, rate: Rate) -> Amounts {
        match self {
            Self::Gross => {
                let tax = rate.within(prices);
                Amounts { net: prices - tax, tax }
            }
            Self::Net => Amounts { net: prices, tax: rate.on(prices) },
        }
    }

    /// What is to be paid for what has this price and this tax.
    pub(super) fn pay(self, price: i64, tax: i64) -> i64 {
        match self {
            Self::Gross => price,
            Self::Net => price + tax,
        }
    }

    /// The price of what is to be paid: [`pay`](Self::pay) the other way round.
    pub(super) fn price(self, pay: i64, tax: i64) -> i64 {
        match self {
            Self::Gross => pay,
            Self::Net => pay - tax,
        }
    }
}
