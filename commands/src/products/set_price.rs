//! Sets the price in one currency; prices in others stay.

use daybook_domain::{Code, code::GeneralCode, product::ProductCode};
use daybook_domain::{money::Price, policy::Action, product::Command, sku::Sku};
use serde::{Deserialize, Serialize};

use super::{ProductOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetPrice {
    pub sku: Sku,
    pub price: Price,
}

impl AsAsked for SetPrice {}

impl UseCase for SetPrice {
    const NAME: &'static str = "product.set_price";
    const ACTION: Action = Action::PriceProduct;
    const REFUSALS: &'static [Code] =
        &[GeneralCode::NotFound.code(), ProductCode::Archived.code(), ProductCode::TooManyCurrencies.code()];
    type Outcome = ProductOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        change(context, work, &self.sku, Command::SetPrice(self.price))
    }
}
