//! What a line of an order costs: the catalogue's price, or one that was agreed. Below it is what an order comes to with
//! its taxes, and what a part of it comes to.

mod calculation;
mod quote;
mod sale;
mod terms;
#[cfg(test)]
mod tests;
mod value;

use chrono::{DateTime, Utc};

use crate::{
    codes,
    decider::Guarded,
    money::{Currency, Price},
    order::{Line, OrderCode},
    policy::{Action, Demand},
    product::{Product, ProductCode, Status},
    quantity::Quantity,
    rejection_codes,
    sku::Sku,
    tax::TaxCode,
};

pub use calculation::{Unpriced, UntaxedFee, UntaxedLine};
pub use quote::{Asked, NotAQuote, QUOTE_LIFETIME, Quote, QuoteCode, QuoteRefused, check_quoted};
pub use sale::Sale;
pub use terms::{Amounts, Circumstances, FeeKind, FeeName, FeeTerms, Group, LineTerms, Mode, Terms};
pub use value::{Kept, Value};

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    #[error("{sku}: there is no such product")]
    NotFound { sku: Sku },
    #[error("{sku}: the product is not published")]
    NotPublished { sku: Sku },
    #[error("{sku}: the product is archived")]
    Archived { sku: Sku },
    #[error("{sku}: the price has another currency than the order")]
    OtherCurrency { sku: Sku },
    #[error("{sku}: the product has no price in {}", .currency.code())]
    NoPrice { sku: Sku, currency: Currency },
}

codes! {
    "pricing/codes",
    /// Why a line of an order has no price.
    pub enum PricingCode {
        NotFound = Invalid, "product_not_found", "Product not found";
        NotPublished = Invalid, "product_not_published", "Product not published";
        NoPrice = Invalid, "price_not_available", "Price not available";
    }
}

rejection_codes! {
    Rejection {
        NotFound => PricingCode::NotFound,
        NotPublished => PricingCode::NotPublished,
        Archived => ProductCode::Archived,
        OtherCurrency => OrderCode::CurrencyMismatch,
        NoPrice => PricingCode::NoPrice,
    }
    guarded by guard
}

rejection_codes! {
    Unpriced {
        TaxUnknown => TaxCode::Unknown,
        MixedCurrencies => OrderCode::CurrencyMismatch,
        TotalOutOfRange => OrderCode::TotalOutOfRange,
    }
}

/// To callers who may not read products that are not published, such a product isn't there.
fn guard(rejection: &Rejection) -> Option<Guarded<Rejection>> {
    match rejection {
        Rejection::NotPublished { sku } | Rejection::Archived { sku } => Some(Guarded {
            demand: Demand { action: Action::ReadUnpublishedProduct, owner: None },
            otherwise: Rejection::NotFound { sku: sku.clone() },
        }),
        Rejection::NotFound { .. } | Rejection::OtherCurrency { .. } | Rejection::NoPrice { .. } => None,
    }
}

/// The line of an order in `currency`, with the product's name and its price at the time `now`. `agreed`
/// is the price if it is given; then the line keeps the catalogue's price beside it, if that is another one.
pub fn price_line(
    sku: &Sku,
    product: &Product,
    quantity: Quantity,
    agreed: Option<Price>,
    currency: Currency,
    now: DateTime<Utc>,
) -> Result<Line, Rejection> {
    let sku = sku.clone();
    let Some(product) = product.details() else { return Err(Rejection::NotFound { sku }) };
    match product.status {
        Status::Published => {}
        Status::Draft => return Err(Rejection::NotPublished { sku }),
        Status::Archived => return Err(Rejection::Archived { sku }),
    }
    let list = product.price_at(currency, now);
    let unit_price = match (agreed, list) {
        (Some(agreed), _) if agreed.currency() != currency => return Err(Rejection::OtherCurrency { sku }),
        (Some(agreed), _) => agreed,
        (None, Some(list)) => list,
        (None, None) => return Err(Rejection::NoPrice { sku, currency }),
    };
    let list_price = list.filter(|list| *list != unit_price);
    Ok(Line { sku, name: product.name.clone(), quantity, unit_price, list_price })
}
