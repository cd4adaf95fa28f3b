//! A product of the catalogue: `product/{sku}`.

mod decide;
mod price_change;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    code::GeneralCode,
    codes, decider,
    ids::PriceChangeId,
    money::{Currency, Price},
    patch::{MetadataPatch, Patch},
    rejection_codes,
    tax::TaxClass,
    text::{Description, ExternalId, InvalidMetadata, Metadata, ProductName},
    words,
};

pub use price_change::{InvalidTimes, MAX_PRICE_CHANGES, PriceChange, PriceChanges};

/// A product has at most one price in each of this many currencies.
pub const MAX_CURRENCIES: usize = 50;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Product {
    #[default]
    Unknown,
    Known(Details),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    pub name: ProductName,
    pub description: Description,
    /// The prices that are set, by the codes of their currencies.
    pub prices: BTreeMap<String, Price>,
    pub metadata: Metadata,
    pub status: Status,
    #[serde(default, skip_serializing_if = "TaxClass::is_default")]
    pub tax_class: TaxClass,
    #[serde(default, skip_serializing_if = "PriceChanges::is_empty")]
    pub price_changes: PriceChanges,
}

words! {
    /// Stored for ever: add words, never rename one.
    pub enum Status {
        Draft = "draft",
        Published = "published",
        Archived = "archived",
    }
}

#[derive(Debug, Clone)]
pub enum Command {
    Create {
        name: ProductName,
        description: Description,
        price: Price,
        external_id: Option<ExternalId>,
        metadata: Metadata,
    },
    /// Changes what is named and leaves the rest.
    Describe {
        name: Option<ProductName>,
        description: Option<Description>,
        metadata: Patch<MetadataPatch>,
    },
    SetPrice(Price),
    SetTaxClass(TaxClass),
    SchedulePrice {
        change: PriceChange,
        now: DateTime<Utc>,
    },
    CancelPriceChange {
        id: PriceChangeId,
        now: DateTime<Utc>,
    },
    Publish,
    Unpublish,
    Archive,
}

/// Stored for ever: add variants, never edit one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    #[serde(rename = "ProductCreated")]
    Created {
        name: ProductName,
        #[serde(default)]
        description: Description,
        price: Price,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<ExternalId>,
        #[serde(default, skip_serializing_if = "Metadata::is_empty")]
        metadata: Metadata,
    },
    #[serde(rename = "ProductDescribed")]
    Described { name: ProductName, description: Description, metadata: Metadata },
    #[serde(rename = "ProductPriceSet")]
    PriceSet { price: Price },
    #[serde(rename = "ProductTaxClassSet")]
    TaxClassSet { class: TaxClass },
    #[serde(rename = "ProductPriceScheduled")]
    PriceScheduled(PriceChange),
    #[serde(rename = "ProductPriceChangeCancelled")]
    PriceChangeCancelled {
        #[serde(rename = "price_change")]
        id: PriceChangeId,
    },
    #[serde(rename = "ProductPublished")]
    Published {},
    #[serde(rename = "ProductUnpublished")]
    Unpublished {},
    #[serde(rename = "ProductArchived")]
    Archived {},
}

impl decider::Event for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "ProductCreated",
            Self::Described { .. } => "ProductDescribed",
            Self::PriceSet { .. } => "ProductPriceSet",
            Self::TaxClassSet { .. } => "ProductTaxClassSet",
            Self::PriceScheduled(_) => "ProductPriceScheduled",
            Self::PriceChangeCancelled { .. } => "ProductPriceChangeCancelled",
            Self::Published {} => "ProductPublished",
            Self::Unpublished {} => "ProductUnpublished",
            Self::Archived {} => "ProductArchived",
        }
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no such product")]
    NotFound,
    #[error("there is a product with this SKU")]
    AlreadyExists,
    #[error("the product is archived")]
    Archived,
    #[error("a product has prices in at most {MAX_CURRENCIES} currencies")]
    TooManyCurrencies,
    #[error("{0}")]
    PriceChangeTimes(InvalidTimes),
    #[error("the price change {other} holds within that time, in the same currency")]
    PriceChangeOverlaps { other: PriceChangeId },
    #[error("a product has at most {MAX_PRICE_CHANGES} price changes that have not ended")]
    TooManyPriceChanges,
    #[error("the product has no such price change, or it has ended")]
    NoSuchPriceChange,
    #[error("with what it has and what is new, metadata {0}")]
    Metadata(InvalidMetadata),
}

codes! {
    "codes",
    /// Why a change of the catalogue is refused, where the general codes don't say it.
    pub enum ProductCode {
        Archived = Invalid, "product_archived", "Product archived";
        TooManyCurrencies = Invalid, "too_many_currencies", "Too many currencies";
        PriceChangeOverlaps = Invalid, "price_change_overlaps", "Price change overlaps";
        TooManyPriceChanges = Invalid, "too_many_price_changes", "Too many price changes";
    }
}

rejection_codes! {
    Rejection {
        NotFound => GeneralCode::NotFound,
        AlreadyExists => GeneralCode::AlreadyExists,
        Archived => ProductCode::Archived,
        TooManyCurrencies => ProductCode::TooManyCurrencies,
        PriceChangeTimes => GeneralCode::ValidationFailed,
        PriceChangeOverlaps => ProductCode::PriceChangeOverlaps,
        TooManyPriceChanges => ProductCode::TooManyPriceChanges,
        NoSuchPriceChange => GeneralCode::NotFound,
        Metadata => GeneralCode::ValidationFailed,
    }
}

impl Product {
    pub fn details(&self) -> Option<&Details> {
        match self {
            Self::Unknown => None,
            Self::Known(details) => Some(details),
        }
    }
}

impl Details {
    /// The price that is set.
    pub fn price_in(&self, currency: Currency) -> Option<Price> {
        self.prices.get(currency.code()).copied()
    }

    /// The price that holds at this time: that of a price change, else the one that is set.
    pub fn price_at(&self, currency: Currency, time: DateTime<Utc>) -> Option<Price> {
        self.price_changes.price_at(currency, time).or_else(|| self.price_in(currency))
    }
}
