//! Every code of the domain: its rooms, each with its own list.

#[cfg(test)]
mod tests;

use crate::{
    account::AccountCode,
    code::{Code, GeneralCode},
    order::OrderCode,
    policy::PolicyCode,
    pricing::{PricingCode, QuoteCode},
    product::ProductCode,
    stock::StockCode,
    tax::TaxCode,
};

/// The codes, room by room.
pub const ROOMS: &[&[Code]] = &[
    GeneralCode::CODES,
    PolicyCode::CODES,
    AccountCode::CODES,
    ProductCode::CODES,
    PricingCode::CODES,
    QuoteCode::CODES,
    TaxCode::CODES,
    StockCode::CODES,
    OrderCode::CODES,
];
