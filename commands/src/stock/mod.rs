//! The warehouse's use cases.

mod adjust;
mod receive;

use daybook_domain::{
    product::Product,
    sku::Sku,
    stock::{Command, Stock},
};
use serde::{Deserialize, Serialize};

use crate::{
    Context,
    error::Refusal,
    state::Wanted,
    use_case::Outcome,
    work::{Halt, Work},
};

pub use adjust::AdjustStock;
pub use receive::ReceiveStock;

/// The stock of a SKU after the command, in pieces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StockOutcome {
    /// The SKU, as every outcome names its thing.
    pub id: Sku,
    pub sku: Sku,
    pub on_hand: i64,
    pub held: i64,
    pub allocated: i64,
    pub available: i64,
    pub version: i64,
}

impl Outcome for StockOutcome {
    fn id(&self) -> String {
        self.sku.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Changes the stock of a SKU. Refused with `not_found` if there is no product of that SKU.
fn change(context: &Context, work: &mut Work<'_>, sku: &Sku, command: Command) -> Result<StockOutcome, Halt> {
    let id = sku.as_str();
    work.need([Wanted::of::<Product>(id), Wanted::of::<Stock>(id)])?;
    if work.state::<Product>(id)?.details().is_none() {
        return Err(Refusal::not_found().into());
    }
    work.expect_version::<Stock>(id, context.if_match.as_deref())?;
    work.execute::<Stock>(id, command)?;
    let (version, stock) = work.versioned::<Stock>(id)?;
    let available = stock.available();
    let Stock { on_hand, held, allocated } = *stock;
    Ok(StockOutcome { id: sku.clone(), sku: sku.clone(), on_hand, held, allocated, available, version })
}
