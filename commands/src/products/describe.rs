//! Changes how a product is described.

use daybook_domain::{Code, code::GeneralCode, product::ProductCode};
use daybook_domain::{
    patch::Patch,
    policy::Action,
    product::Command,
    sku::Sku,
    text::{Description, Metadata, ProductName},
};
use serde::{Deserialize, Serialize};

use super::{ProductOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DescribeProduct {
    pub sku: Sku,
    /// `None`: it stays as it is. A product always has a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<ProductName>,
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub description: Patch<Description>,
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    pub metadata: Patch<Metadata>,
}

impl AsAsked for DescribeProduct {}

impl UseCase for DescribeProduct {
    const NAME: &'static str = "product.describe";
    const ACTION: Action = Action::DescribeProduct;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), ProductCode::Archived.code()];
    type Outcome = ProductOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        let Self { sku, name, description, metadata } = self.clone();
        let (description, metadata) = (description.or_empty(), metadata.or_empty());
        change(context, work, &sku, Command::Describe { name, description, metadata })
    }
}
