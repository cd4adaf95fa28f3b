//! The count was wrong. What is promised to orders can't be taken away.

use daybook_domain::{Code, code::GeneralCode, stock::StockCode};
use daybook_domain::{policy::Action, sku::Sku, stock::Command, text::Reason};
use serde::{Deserialize, Serialize};

use super::{StockOutcome, change};
use crate::{
    Context,
    use_case::{AsAsked, UseCase},
    work::{Halt, Work},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdjustStock {
    pub sku: Sku,
    /// Pieces found, or, below 0, missing.
    pub delta: i64,
    pub reason: Reason,
}

impl AsAsked for AdjustStock {}

impl UseCase for AdjustStock {
    const NAME: &'static str = "stock.adjust";
    const ACTION: Action = Action::AdjustStock;
    const NEEDS_KEY: bool = true;
    const REFUSALS: &'static [Code] = &[
        GeneralCode::NotFound.code(),
        StockCode::Insufficient.code(),
        StockCode::NothingToAdjust.code(),
        StockCode::OutOfRange.code(),
    ];
    type Outcome = StockOutcome;

    fn decide(&self, context: &Context, work: &mut Work<'_>) -> Result<StockOutcome, Halt> {
        let command = Command::Adjust { delta: self.delta, reason: self.reason.clone() };
        change(context, work, &self.sku, command)
    }
}
