//! Adds a product to the catalogue, as a draft.

use daybook_domain::{Code, code::GeneralCode};
use daybook_domain::{
    external_id::{self, ExternalIdUse, Scope},
    money::Price,
    policy::{Action, Demand},
    product::{Command, Product},
    sku::Sku,
    text::{Description, ExternalId, Metadata, ProductName},
};
use serde::{Deserialize, Serialize};

use super::{ProductOutcome, outcome};
use crate::{
    Context,
    state::Wanted,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

/// Refused with `already_exists` if the SKU or the external id is taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateProduct {
    pub sku: Sku,
    pub name: ProductName,
    #[serde(default, skip_serializing_if = "Description::is_empty")]
    pub description: Description,
    pub price: Price,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub metadata: Metadata,
}

impl AsAsked for CreateProduct {}

impl UseCase for CreateProduct {
    const NAME: &'static str = "product.create";
    const ACTION: Action = Action::CreateProduct;
    const CREATES: bool = true;
    const REFUSALS: &'static [Code] = &[GeneralCode::AlreadyExists.code()];
    type Outcome = ProductOutcome;

    fn decide(&self, _: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        let Self { sku, name, description, price, external_id, metadata } = self.clone();
        let claims =
            external_id.as_ref().map(|id| external_id::keys::<Product>(Scope::Shop, id)).unwrap_or_default();
        let wanted = claims.iter().map(|claim| Wanted::of::<ExternalIdUse>(claim));
        work.need([Wanted::of::<Product>(sku.as_str())].into_iter().chain(wanted))?;
        let create = Command::Create { name, description, price, external_id, metadata };
        work.execute::<Product>(sku.as_str(), create)?;
        for claim in &claims {
            let told_to = Demand { action: Action::ReadUnpublishedProduct, owner: None };
            let take = external_id::Command::Take { by: sku.to_string(), told_to };
            work.execute::<ExternalIdUse>(claim, take)?;
        }
        outcome(work, &sku)
    }
}
