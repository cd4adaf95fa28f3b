//! Says what a product is for taxes.

use daybook_domain::{Code, code::GeneralCode, product::ProductCode};
use daybook_domain::{feature::Feature, policy::Action, product::Command, sku::Sku, tax::TaxClass};
use serde::{Deserialize, Serialize};

use super::{ProductOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetTaxClass {
    pub sku: Sku,
    pub class: TaxClass,
}

impl AsAsked for SetTaxClass {}

impl UseCase for SetTaxClass {
    const NAME: &'static str = "product.set_tax_class";
    const ACTION: Action = Action::SetProductTaxClass;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), ProductCode::Archived.code()];
    type Outcome = ProductOutcome;

    fn needs(&self) -> Option<(Feature, &'static str)> {
        Some((Feature::Tax, "/class"))
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        change(context, work, &self.sku, Command::SetTaxClass(self.class.clone()))
    }
}
