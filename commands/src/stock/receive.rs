//! Pieces have come in.

use daybook_domain::{Code, code::GeneralCode, stock::StockCode};
use daybook_domain::{policy::Action, quantity::Quantity, sku::Sku, stock::Command, text::Reference};
use serde::{Deserialize, Serialize};

use super::{StockOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReceiveStock {
    pub sku: Sku,
    pub quantity: Quantity,
    /// The number of the delivery note, say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

impl AsAsked for ReceiveStock {}

impl UseCase for ReceiveStock {
    const NAME: &'static str = "stock.receive";
    const ACTION: Action = Action::ReceiveStock;
    const NEEDS_KEY: bool = true;
    const REFUSALS: &'static [Code] = &[GeneralCode::NotFound.code(), StockCode::OutOfRange.code()];
    type Outcome = StockOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<StockOutcome, Halt> {
        let command = Command::Receive { quantity: self.quantity.get(), reference: self.reference.clone() };
        change(context, work, &self.sku, command)
    }
}
