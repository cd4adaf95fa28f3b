//! A product is no longer for sale, for now.

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
pub struct UnpublishProduct {
    pub sku: Sku,
}

impl AsAsked for UnpublishProduct {}

impl UseCase for UnpublishProduct {
    const NAME: &'static str = "product.unpublish";
    const ACTION: Action = Action::PublishProduct;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), ProductCode::Archived.code()];
    type Outcome = ProductOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        change(context, work, &self.sku, Command::Unpublish)
    }
}
