//! Changes how a product is described.

use daybook_domain::{Code, code::GeneralCode, product::ProductCode};
use daybook_domain::{
    patch::{MetadataPatch, Patch},
    policy::Action,
    product::{Command, Product, Rejection},
    sku::Sku,
    text::{Description, ProductName},
};
use serde::{Deserialize, Serialize};

use super::{ProductOutcome, outcome};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

/// Refused with `validation_failed` if the metadata would be larger than metadata may be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DescribeProduct {
    pub sku: Sku,
    /// `None`: it stays as it is. A product always has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ProductName>,
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<Description>,
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<MetadataPatch>,
}

impl AsAsked for DescribeProduct {}

impl UseCase for DescribeProduct {
    const NAME: &'static str = "product.describe";
    const ACTION: Action = Action::DescribeProduct;
    const REFUSALS: &'static [Code] =
        &[GeneralCode::NotFound.code(), ProductCode::Archived.code(), GeneralCode::ValidationFailed.code()];
    type Outcome = ProductOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        let Self { sku, name, description, metadata } = self.clone();
        let describe = Command::Describe { name, description: description.or_empty(), metadata };
        work.expect_version::<Product>(sku.as_str(), context.if_match.as_deref())?;
        if let Err(rejection) = work.try_execute::<Product>(sku.as_str(), describe)? {
            let refusal = work.refused(&rejection);
            let is_of_metadata = matches!(rejection, Rejection::Metadata(_));
            return Err(if is_of_metadata { refusal.at("/metadata") } else { refusal }.into());
        }
        outcome(work, &sku)
    }
}
