//! A line that sells goods, and why another row isn't one.

use daybook_domain::{quantity::Quantity, sku::Sku, text::ProductName};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub sku: Sku,
    pub quantity: Quantity,
    /// Pence.
    pub unit_price_minor: i64,
    /// Whitespace tidied.
    pub name: ProductName,
}

/// Why a row is not meant for a catalogue of goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmapped {
    /// Takes goods back without naming a customer.
    CancelsForNobody,
    /// Takes back other lines than a whole earlier order of the customer has.
    CancelsNoWholeOrder,
    /// A price of less than a penny: a sample.
    FractionOfAPenny,
    NegativePrice,
    /// Without one it is a correction of stock, not a sale.
    NoDescription,
    /// Postage, fees, discounts, vouchers.
    NotGoods,
    /// A correction of stock, or goods that are taken back on an invoice that sells others.
    QuantityNotPositive,
    /// A gift or a correction, not a sale.
    ZeroPrice,
}

impl Unmapped {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CancelsForNobody => "cancels_for_nobody",
            Self::CancelsNoWholeOrder => "cancels_no_whole_order",
            Self::FractionOfAPenny => "fraction_of_a_penny",
            Self::NegativePrice => "negative_price",
            Self::NoDescription => "no_description",
            Self::NotGoods => "not_goods",
            Self::QuantityNotPositive => "quantity_not_positive",
            Self::ZeroPrice => "zero_price",
        }
    }
}
