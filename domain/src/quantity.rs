//! How many: a count of pieces.

use serde::{Deserialize, Serialize};

/// 1 to 100,000 pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Quantity(u32);

#[derive(Debug, thiserror::Error)]
#[error("a quantity is 1 to 100000")]
pub struct QuantityOutOfRange;

impl Quantity {
    pub const MAX: i64 = 100_000;

    pub fn get(self) -> i64 {
        self.0.into()
    }
}

impl TryFrom<i64> for Quantity {
    type Error = QuantityOutOfRange;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if !(1..=Self::MAX).contains(&number) {
            return Err(QuantityOutOfRange);
        }
        u32::try_from(number).map(Self).map_err(|_| QuantityOutOfRange)
    }
}

impl From<Quantity> for i64 {
    fn from(quantity: Quantity) -> Self {
        quantity.get()
    }
}
