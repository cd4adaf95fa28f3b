//! A product is put away for good: it can't be changed or sold again.

use daybook_domain::{Code, code::GeneralCode, product::ProductCode};
use daybook_domain::{policy::Action, product::Command, sku::Sku};
use serde::{Deserialize, Serialize};

use super::{ProductOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ArchiveProduct {
    pub sku: Sku,
}

impl AsAsked for ArchiveProduct {}

impl UseCase for ArchiveProduct {
    const NAME: &'static str = "product.archive";
    const ACTION: Action = Action::ArchiveProduct;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), ProductCode::Archived.code()];
    type Outcome = ProductOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        change(context, work, &self.sku, Command::Archive)
    }
}
