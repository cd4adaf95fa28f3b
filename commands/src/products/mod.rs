//! The catalogue's use cases.

mod archive;
mod cancel_price_change;
mod create;
mod describe;
mod publish;
mod schedule_price;
mod set_price;
mod set_tax_class;
mod unpublish;

use daybook_domain::{
    product::{Command, Product},
    sku::Sku,
};
use serde::{Deserialize, Serialize};

use crate::{
    Context,
    use_case::Outcome,
    work::{Halt, Work},
};

pub use archive::ArchiveProduct;
pub use cancel_price_change::CancelPriceChange;
pub use create::CreateProduct;
pub use describe::DescribeProduct;
pub use publish::PublishProduct;
pub use schedule_price::{PriceChangeOutcome, SchedulePrice, SchedulePriceRequest};
pub use set_price::SetPrice;
pub use set_tax_class::SetTaxClass;
pub use unpublish::UnpublishProduct;

/// The product after the command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductOutcome {
    /// The SKU, as every outcome names its thing.
    pub id: Sku,
    pub sku: Sku,
    pub version: i64,
}

impl Outcome for ProductOutcome {
    fn id(&self) -> String {
        self.sku.to_string()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Changes a product that is there.
fn change(
    context: &Context,
    work: &mut Work<'_>,
    sku: &Sku,
    command: Command,
) -> Result<ProductOutcome, Halt> {
    work.expect_version::<Product>(sku.as_str(), context.if_match.as_deref())?;
    work.execute::<Product>(sku.as_str(), command)?;
    outcome(work, sku)
}

fn outcome(work: &mut Work<'_>, sku: &Sku) -> Result<ProductOutcome, Halt> {
    let version = work.version::<Product>(sku.as_str())?;
    Ok(ProductOutcome { id: sku.clone(), sku: sku.clone(), version })
}
