//! What a line of an order costs: the catalogue's price, or one that was agreed.

#[cfg(test)]
mod tests;

use crate::{
    decider,
    money::{Currency, Price},
    order::Line,
    product::{Product, Status},
    quantity::Quantity,
    sku::Sku,
};

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

impl decider::Rejection for Rejection {
    fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "product_not_found",
            Self::NotPublished { .. } => "product_not_published",
            Self::Archived { .. } => "product_archived",
            Self::OtherCurrency { .. } => "currency_mismatch",
            Self::NoPrice { .. } => "price_not_available",
        }
    }
}

/// The line of an order in `currency`, with the product's name and price as they are now. `agreed` is the price if it
/// is given; then the line keeps the catalogue's price beside it, if that is another one.
pub fn price_line(
    sku: &Sku,
    product: &Product,
    quantity: Quantity,
    agreed: Option<Price>,
    currency: Currency,
) -> Result<Line, Rejection> {
    let sku = sku.clone();
    let Some(product) = product.details() else { return Err(Rejection::NotFound { sku }) };
    match product.status {
        Status::Published => {}
        Status::Draft => return Err(Rejection::NotPublished { sku }),
        Status::Archived => return Err(Rejection::Archived { sku }),
    }
    let list = product.price_in(currency);
    let unit_price = match (agreed, list) {
        (Some(agreed), _) if agreed.currency() != currency => return Err(Rejection::OtherCurrency { sku }),
        (Some(agreed), _) => agreed,
        (None, Some(list)) => list,
        (None, None) => return Err(Rejection::NoPrice { sku, currency }),
    };
    let list_price = list.filter(|list| *list != unit_price);
    Ok(Line { sku, name: product.name.clone(), quantity, unit_price, list_price })
}
