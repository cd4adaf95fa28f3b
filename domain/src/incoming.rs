//! What comes in from outside keeps more rules than what is stored. A rule that came later than the first release
//! stands here and not where a value is decoded, so that what was stored before stays readable.

use crate::{
    ids::{AccountId, OrderId, PriceChangeId},
    quantity::Quantity,
};

/// A value that may come in from outside. Every interface takes values through [`Incoming::take`].
pub trait Incoming: Sized {
    /// The value in the form in which it is taken, or why it isn't taken.
    fn take(self) -> Result<Self, Unfit> {
        Ok(self)
    }
}

/// Why a value is not taken from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(pub &'static str);

impl Incoming for OrderId {}
impl Incoming for AccountId {}
impl Incoming for PriceChangeId {}
impl Incoming for Quantity {}
impl Incoming for uuid::Uuid {}
