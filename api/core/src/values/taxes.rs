//! What interfaces write of taxes, where that is not a word.

use daybook_domain::{money, tax};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

use super::{BuyerKind, Line200, VatId, text};

/// A rate in percent, as text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaxRate(pub money::Rate);

impl Serialize for TaxRate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaxRate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(D::Error::custom)
    }
}

impl PartialSchema for TaxRate {
    fn schema() -> RefOr<Schema> {
        let percent = text(1, 8).pattern(Some(r"^[0-9]{1,3}(\.[0-9]{1,4})?$"));
        percent.description(Some("A rate in percent")).examples(["8.875"]).into()
    }
}

impl ToSchema for TaxRate {}

/// Who buys, as far as taxes ask for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Buyer {
    pub kind: BuyerKind,
    /// The name of the business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<Line200>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<VatId>,
}

impl From<Buyer> for tax::Buyer {
    fn from(Buyer { kind, company, vat_id }: Buyer) -> Self {
        Self { kind: kind.0, company: company.map(|name| name.0), vat_id: vat_id.map(|id| id.0) }
    }
}

impl From<tax::Buyer> for Buyer {
    fn from(tax::Buyer { kind, company, vat_id }: tax::Buyer) -> Self {
        Self { kind: kind.into(), company: company.map(Into::into), vat_id: vat_id.map(Into::into) }
    }
}
