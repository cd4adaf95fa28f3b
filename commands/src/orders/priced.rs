//! What the lines of an order cost.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use daybook_domain::{
    Code,
    money::{Currency, Price},
    order::{Line, OrderCode},
    pricing::{PricingCode, price_line},
    product::{Product, ProductCode},
    quantity::Quantity,
    sku::Sku,
    tax::{TaxClass, TaxCode},
};

use serde::{Deserialize, Serialize};

use crate::work::{Halt, Work};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaceLine {
    pub sku: Sku,
    pub quantity: Quantity,
    /// Another price than the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_price: Option<Price>,
}

/// The codes of all rules that may refuse a price.
pub(super) const REFUSALS: [Code; 7] = [
    PricingCode::NotFound.code(),
    PricingCode::NotPublished.code(),
    ProductCode::Archived.code(),
    PricingCode::NoPrice.code(),
    OrderCode::CurrencyMismatch.code(),
    OrderCode::TotalOutOfRange.code(),
    TaxCode::Unknown.code(),
];

/// A line with what it costs, and the product that it was priced by.
pub(super) struct Priced {
    pub line: Line,
    pub product: Arc<Product>,
}

impl Priced {
    pub fn class(&self) -> &TaxClass {
        &self.product.details().expect("what has a price is known").tax_class
    }
}

/// What every line costs at that time, by the catalogue as it is now. The batch rests on every product it reads, so a
/// price that changes meanwhile is noticed.
pub(super) fn lines(
    lines: &[PlaceLine],
    currency: Currency,
    now: DateTime<Utc>,
    work: &mut Work<'_>,
) -> Result<Vec<Priced>, Halt> {
    let mut products: BTreeMap<&Sku, Arc<Product>> = BTreeMap::new();
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let product = match products.get(&line.sku) {
                Some(product) => Arc::clone(product),
                None => {
                    let product = work.state::<Product>(line.sku.as_str())?;
                    products.insert(&line.sku, Arc::clone(&product));
                    product
                }
            };
            match price_line(&line.sku, &product, line.quantity, line.unit_price, currency, now) {
                Ok(line) => Ok(Priced { line, product }),
                Err(rejection) => Err(work.refused(&rejection).at(format!("/lines/{index}")).into()),
            }
        })
        .collect()
}
