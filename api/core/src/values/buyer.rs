//! Who buys.

use daybook_domain::tax;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BuyerKind, Line200, VatId};

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
