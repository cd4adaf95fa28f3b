//! A price that was scheduled doesn't hold from now on.

use daybook_domain::{Code, code::GeneralCode, product::ProductCode};
use daybook_domain::{feature::Feature, ids::PriceChangeId, policy::Action, product::Command, sku::Sku};
use serde::{Deserialize, Serialize};

use super::{ProductOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

/// Refused with `not_found` if the product has no such price change, or it has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CancelPriceChange {
    pub sku: Sku,
    pub id: PriceChangeId,
}

impl AsAsked for CancelPriceChange {}

impl UseCase for CancelPriceChange {
    const NAME: &'static str = "product.cancel_price_change";
    const ACTION: Action = Action::ScheduleProductPrice;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), ProductCode::Archived.code()];
    type Outcome = ProductOutcome;

    fn needs(&self) -> Option<(Feature, &'static str)> {
        Some((Feature::Tax, "/id"))
    }

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<ProductOutcome, Halt> {
        let cancel = Command::CancelPriceChange { id: self.id, now: context.now };
        change(context, work, &self.sku, cancel)
    }
}
