//! A product of the catalogue: `product/{sku}`.

mod decide;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    code::GeneralCode,
    codes, decider,
    money::{Currency, Price},
    patch::{MetadataPatch, Patch},
    rejection_codes,
    tax::TaxClass,
    text::{Description, ExternalId, InvalidMetadata, Metadata, ProductName},
    words,
};

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
    pub prices: BTreeMap<String, Price>,
    pub metadata: Metadata,
    pub status: Status,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tax_class: TaxClass,
}

fn is_default(class: &TaxClass) -> bool {
    *class == TaxClass::default()
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
    #[error("with what it has and what is new, metadata {0}")]
    Metadata(InvalidMetadata),
}

codes! {
    "codes",
    /// Why a change of the catalogue is refused, where the general codes don't say it.
    pub enum ProductCode {
        Archived = Invalid, "product_archived", "Product archived";
        TooManyCurrencies = Invalid, "too_many_currencies", "Too many currencies";
    }
}

rejection_codes! {
    Rejection {
        NotFound => GeneralCode::NotFound,
        AlreadyExists => GeneralCode::AlreadyExists,
        Archived => ProductCode::Archived,
        TooManyCurrencies => ProductCode::TooManyCurrencies,
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
    pub fn price_in(&self, currency: Currency) -> Option<Price> {
        self.prices.get(currency.code()).copied()
    }
}
